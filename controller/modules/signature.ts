/**
 * Signatures of modules (contract §7): who signed, and over what.
 *
 * A WebAssembly module carries its signature in the custom section `yoke.schematics:signature`, a JavaScript module in
 * its last line, `//# yoke.schematics:signature=<the same JSON>`. Signed is the sha256 of everything else. That line is of
 * printable ASCII only: there are other characters than a newline that end a comment, and what follows them is code.
 */
import { constants, createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { jsonOf, recordOf } from "../../lib/json.ts";
import type { FlightModule } from "../flight/loader.ts";
import { concat, sectionsOf } from "../flight/wasmSections.ts";
import { moduleErrors } from "./errors.ts";

/** Public keys by fingerprint: the sha256, hex, of the key's bits in its SubjectPublicKeyInfo. */
export type VerificationKeys = ReadonlyMap<string, KeyObject>;

export const signatureSection = "yoke.schematics:signature";
const signatureLine = `//# ${signatureSection}=`;

/**
 * @param text JSON array of PEM texts; of a private key the public part is used
 * @throws MODULE_KEYS
 */
export function parseVerificationKeys(text: string, path: string): VerificationKeys {
  const refuse = (why: string, cause?: unknown) => moduleErrors.MODULE_KEYS({ path, why }, cause);
  let pems: unknown;
  try {
    pems = JSON.parse(text);
  } catch {
    // Without the parser's words: they quote the file, which may hold a private key.
    throw refuse("it is not JSON");
  }
  // Keys that are there but none of which counts would let every module pass.
  if (!Array.isArray(pems) || pems.length === 0) throw refuse("it is not an array of PEM texts");
  return new Map(pems.map((pem, index) => keyEntry(pem, why => refuse(`key ${index}: ${why}`))));
}

function keyEntry(pem: unknown, refuse: (why: string) => Error): [fingerprint: string, key: KeyObject] {
  if (typeof pem !== "string") throw refuse("it is not a text");
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch {
    throw refuse("it is not a PEM key");
  }
  if (!["ed25519", "rsa", "ec"].includes(key.asymmetricKeyType ?? "")) {
    throw refuse(`a key of type ${key.asymmetricKeyType} cannot verify modules`);
  }
  return [fingerprintOf(key), key];
}

/** Source: RFC 5280, SubjectPublicKeyInfo: a SEQUENCE of the algorithm and a BIT STRING, whose bits are hashed. */
export function fingerprintOf(key: KeyObject): string {
  const der = key.export({ type: "spki", format: "der" });
  const outer = derContent(der, 0);
  const algorithm = derContent(der, outer.start);
  const bits = derContent(der, algorithm.end);
  // The first byte tells how many bits of the last one do not count: none.
  return createHash("sha256")
    .update(der.subarray(bits.start + 1, bits.end))
    .digest("hex");
}

function derContent(der: Buffer, at: number): { start: number; end: number } {
  const first = der[at + 1] ?? 0;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const length = lengthBytes === 0 ? first : der.readUIntBE(at + 2, lengthBytes);
  const start = at + 2 + lengthBytes;
  return { start, end: start + length };
}

/** @throws MODULE_UNSIGNED, MODULE_SIGNATURE, FLIGHT_BAD_MODULE */
export function verifySignature(module: FlightModule, keys: VerificationKeys): void {
  const { signed, signature } = cutSignature(module);
  if (signature === undefined) throw moduleErrors.MODULE_UNSIGNED({});
  const payload = parseSignature(signature);
  const key = keys.get(payload.fingerprint);
  if (key === undefined) throw moduleErrors.MODULE_SIGNATURE({ why: "it is signed with an unknown key" });
  if (!isGenuine(key, signed, payload.signature)) throw moduleErrors.MODULE_SIGNATURE({ why: "invalid signature" });
}

/** The module without its signature, and the signature's text; undefined when there is none. */
export function cutSignature({ kind, bytes }: Pick<FlightModule, "kind" | "bytes">): {
  signed: Uint8Array;
  signature: string | undefined;
} {
  return kind === "wasm" ? cutSection(bytes) : cutLastLine(bytes);
}

function cutSection(bytes: Uint8Array): { signed: Uint8Array; signature: string | undefined } {
  for (const { id, start, end, reader } of sectionsOf(bytes)) {
    if (id !== 0) continue;
    const nameEnd = reader.number() + reader.at;
    if (nameEnd > end || end > bytes.length) continue;
    if (textOf(bytes, reader.at, nameEnd) !== signatureSection) continue;
    return { signed: concat([bytes.subarray(0, start), bytes.subarray(end)]), signature: textOf(bytes, nameEnd, end) };
  }
  return { signed: bytes, signature: undefined };
}

function cutLastLine(bytes: Uint8Array): { signed: Uint8Array; signature: string | undefined } {
  const end = bytes.at(-1) === newline ? bytes.length - 1 : bytes.length;
  const start = bytes.lastIndexOf(newline, end - 1) + 1;
  const line = textOf(bytes, start, end);
  if (!line.startsWith(signatureLine) || !/^[ -~]*$/.test(line)) return { signed: bytes, signature: undefined };
  return { signed: bytes.subarray(0, start), signature: line.slice(signatureLine.length) };
}

const newline = 0x0a;

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.subarray(start, end)).toString("utf8");
}

function parseSignature(text: string): { fingerprint: string; signature: Buffer } {
  const { Fingerprint, Signature } = recordOf(jsonOf(text));
  if (typeof Fingerprint === "string" && typeof Signature === "string") {
    return { fingerprint: Fingerprint, signature: Buffer.from(Signature, "base64") };
  }
  throw moduleErrors.MODULE_SIGNATURE({ why: "invalid signature payload" });
}

function isGenuine(key: KeyObject, signed: Uint8Array, signature: Buffer): boolean {
  try {
    switch (key.asymmetricKeyType) {
      case "ed25519":
        // Ed25519 hashes what it signs by itself; the message is the digest all the same.
        return verify(null, createHash("sha256").update(signed).digest(), key, signature);
      case "rsa":
        return verify("sha256", signed, { key, ...pss }, signature);
      default:
        return verify("sha256", signed, { key, dsaEncoding: "der" }, signature);
    }
  } catch {
    return false;
  }
}

export const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO };
