/**
 * Which certificates there should be now, given those that there are. Time comes in; nothing is stored here.
 *
 * The order of a renewal keeps every connection trusted: a new authority is first only trusted (it joins the bundle), a
 * day later it signs the server's certificate, and the old one leaves the bundle when it has signed nothing for a day.
 * Meanwhile all webhook configurations have long got the bundle, and all replicas the certificate.
 */
// tsyringe, which the library stands on, needs it before.
import "reflect-metadata";
import { createPrivateKey, randomBytes, type webcrypto, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  X509Certificate as X509Issuer,
} from "@peculiar/x509";

/** All as PEM. */
export interface Certificates {
  /** Trusted ones, the newest first. */
  readonly authorities: readonly string[];
  /** Of the newest authority. */
  readonly authorityKey: string;
  readonly certificate: string;
  readonly key: string;
}

const day = 24 * 3600_000;
const authorityLife = 365 * day;
const authorityRenewal = 120 * day;
const certificateLife = 90 * day;
const certificateRenewal = 30 * day;
/** Between two steps of a renewal. */
const settling = day;
/** Clocks of two machines differ. */
const backdating = 3600_000;

/**
 * What there should be instead of `present`; undefined when it may stay.
 *
 * @param present undefined: nothing yet, or nothing usable
 * @param names DNS names and IP addresses of the server
 * @param now milliseconds since the epoch
 */
export async function renewed(
  present: Certificates | undefined,
  names: readonly string[],
  now: number,
): Promise<Certificates | undefined> {
  if (present === undefined || !belongTogether(present)) return create(names, now);
  let next = present;
  if (expiry(newest(next)) - now < authorityRenewal) {
    const { certificate, key } = await authority(now);
    next = { ...next, authorities: [certificate, ...next.authorities], authorityKey: key };
  }
  if (isCertificateDue(next, names, now)) {
    const all = [...new Set([...names, ...namesOf(next.certificate)])];
    next = { ...next, ...(await serverCertificate(next, all, now)) };
  }
  const authorities = next.authorities.filter((pem, at) => at === 0 || isNeeded(next, pem, now));
  if (authorities.length < next.authorities.length) next = { ...next, authorities };
  return next === present ? undefined : next;
}

/** For `caBundle`. */
export function bundle({ authorities }: Certificates): string {
  return authorities.map(pem => `${pem.trim()}\n`).join("");
}

function newest({ authorities }: Certificates): string {
  return authorities[0] ?? "";
}

async function create(names: readonly string[], now: number): Promise<Certificates> {
  const { certificate, key } = await authority(now);
  const made = { authorities: [certificate], authorityKey: key, certificate: "", key: "" };
  return { ...made, ...(await serverCertificate(made, names, now)) };
}

function belongTogether(present: Certificates): boolean {
  try {
    if (!present.authorities.every(pem => new X509Certificate(pem).ca)) return false;
    return isMatch(newest(present), present.authorityKey) && isMatch(present.certificate, present.key);
  } catch {
    // Not PEM, or cut off: somebody has edited it.
    return false;
  }
}

function isMatch(certificate: string, key: string): boolean {
  return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
}

function isCertificateDue(present: Certificates, names: readonly string[], now: number): boolean {
  const { certificate } = present;
  const covered = namesOf(certificate);
  if (names.some(name => !covered.includes(name))) return true;
  const isTrusted = present.authorities.some(pem => expiry(pem) > now && isSignedBy(certificate, pem));
  if (!isTrusted || expiry(certificate) <= now) return true;
  const isSettled = now - beginning(newest(present)) > settling;
  return isSettled && (expiry(certificate) - now < certificateRenewal || !isSignedBy(certificate, newest(present)));
}

/** An authority other than the newest one: as long as it signs, and some time after, for replicas that are behind. */
function isNeeded(present: Certificates, pem: string, now: number): boolean {
  if (expiry(pem) <= now) return false;
  return isSignedBy(present.certificate, pem) || now - beginning(present.certificate) < settling;
}

function isSignedBy(certificate: string, authorityPem: string): boolean {
  const { publicKey } = new X509Certificate(authorityPem);
  return new X509Certificate(certificate).verify(publicKey);
}

function beginning(pem: string): number {
  return Date.parse(new X509Certificate(pem).validFrom);
}

function expiry(pem: string): number {
  return Date.parse(new X509Certificate(pem).validTo);
}

/** `subjectAltName` as Node prints it: `DNS:a, IP Address:127.0.0.1`. */
function namesOf(pem: string): string[] {
  const { subjectAltName = "" } = new X509Certificate(pem);
  return subjectAltName.split(", ").map(name => name.slice(name.indexOf(":") + 1).toLowerCase());
}

const keyAlgorithm = { name: "ECDSA", namedCurve: "P-256" };
const signingAlgorithm = { name: "ECDSA", hash: "SHA-256" };

async function authority(now: number): Promise<{ certificate: string; key: string }> {
  const keys = await crypto.subtle.generateKey(keyAlgorithm, true, ["sign", "verify"]);
  const made = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    // Another name for each: whoever verifies looks the authority up by its name.
    name: `CN=Air Traffic Controller webhooks ${new Date(now).toISOString()}`,
    notBefore: new Date(now - backdating),
    notAfter: new Date(now + authorityLife),
    signingAlgorithm,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: made.toString("pem"), key: await pemOf(keys.privateKey) };
}

async function serverCertificate(
  by: Certificates,
  names: readonly string[],
  now: number,
): Promise<{ certificate: string; key: string }> {
  const issuer = new X509Issuer(newest(by));
  const keys = await crypto.subtle.generateKey(keyAlgorithm, true, ["sign", "verify"]);
  const signingKey = await crypto.subtle.importKey(
    "pkcs8",
    PemConverter.decodeFirst(by.authorityKey),
    keyAlgorithm,
    false,
    ["sign"],
  );
  const made = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: "CN=Air Traffic Controller webhooks",
    issuer: issuer.subjectName,
    notBefore: new Date(now - backdating),
    notAfter: new Date(Math.min(now + certificateLife, issuer.notAfter.getTime())),
    signingAlgorithm,
    signingKey,
    publicKey: keys.publicKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(
        names.map(name => ({ type: isIP(name) === 0 ? ("dns" as const) : ("ip" as const), value: name })),
      ),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return { certificate: made.toString("pem"), key: await pemOf(keys.privateKey) };
}

/** Positive, at most 20 octets (RFC 5280). */
function serialNumber(): string {
  return `00${randomBytes(16).toString("hex")}`;
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), PemConverter.PrivateKeyTag);
}
