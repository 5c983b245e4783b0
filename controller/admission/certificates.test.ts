import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { bundle, type Certificates, renewed } from "./certificates.ts";

const day = 24 * 3600_000;
const start = Date.parse("2026-01-01T00:00:00Z");
const names = ["atc.atc.svc", "127.0.0.1"];

async function made(at = start): Promise<Certificates> {
  const certificates = await renewed(undefined, names, at);
  if (certificates === undefined) throw new Error("nothing was made");
  return certificates;
}

function isTrusted({ certificate }: Certificates, by: Certificates): boolean {
  const server = new X509Certificate(certificate);
  return by.authorities.some(pem => server.verify(new X509Certificate(pem).publicKey));
}

describe("renewed", () => {
  it("makes an authority and a server certificate that it signed, for every name", async () => {
    const certificates = await made();
    const server = new X509Certificate(certificates.certificate);
    const authority = new X509Certificate(certificates.authorities[0] ?? "");
    expect(authority.ca).toBe(true);
    expect(server.ca).toBe(false);
    expect(server.checkIssued(authority)).toBe(true);
    expect(server.verify(authority.publicKey)).toBe(true);
    expect(server.checkHost("atc.atc.svc")).toBe("atc.atc.svc");
    expect(server.checkIP("127.0.0.1")).toBe("127.0.0.1");
    expect(bundle(certificates)).toBe(`${certificates.authorities[0]?.trim()}\n`);
  });

  it("leaves alone what is good, and makes anew what is not", async () => {
    const certificates = await made();
    expect(await renewed(certificates, names, start + day)).toBeUndefined();
    const other = await made();
    for (const broken of [
      { ...certificates, key: other.key },
      { ...certificates, authorityKey: other.authorityKey },
      { ...certificates, certificate: "no PEM" },
      { ...certificates, authorities: [] },
    ]) {
      const repaired = await renewed(broken, names, start);
      expect(repaired && isTrusted(repaired, repaired)).toBe(true);
    }
  });

  it("makes a certificate for a name that is new, and keeps the names of the others", async () => {
    const certificates = await made();
    const next = await renewed(certificates, ["atc.elsewhere.svc"], start + day);
    const server = new X509Certificate(next?.certificate ?? "");
    expect(server.checkHost("atc.elsewhere.svc")).toBeDefined();
    expect(server.checkHost("atc.atc.svc")).toBeDefined();
    expect(next?.authorities).toEqual(certificates.authorities);
  });

  it("renews the server certificate a month before its end, with the same authority", async () => {
    const certificates = await made();
    expect(await renewed(certificates, names, start + 59 * day)).toBeUndefined();
    const next = await renewed(certificates, names, start + 61 * day);
    expect(next?.certificate).not.toBe(certificates.certificate);
    expect(next?.authorities).toEqual(certificates.authorities);
  });

  it("renews the authority in steps: trusted first, signing a day later, the old one gone another day later", async () => {
    // A fresh server certificate at the moment at which the authority is due.
    const certificates = (await renewed(await made(), names, start + 240 * day)) ?? (await made());
    const due = start + 246 * day;
    const trusted = await renewed(certificates, names, due);
    expect(trusted?.authorities).toHaveLength(2);
    expect(trusted?.certificate).toBe(certificates.certificate);
    expect(trusted && (await renewed(trusted, names, due + day / 2))).toBeUndefined();
    const signed = trusted && (await renewed(trusted, names, due + 1.1 * day));
    expect(signed?.certificate).not.toBe(certificates.certificate);
    expect(signed?.authorities).toEqual(trusted?.authorities);
    const retired = signed && (await renewed(signed, names, due + 2.2 * day));
    expect(retired?.authorities).toEqual(signed?.authorities.slice(0, 1));
    expect(retired?.certificate).toBe(signed?.certificate);
  });

  it("goes on after a long sleep", async () => {
    const certificates = await made();
    for (const at of [100, 300, 400, 4000]) {
      const next = await renewed(certificates, names, start + at * day);
      expect(next && isTrusted(next, next)).toBe(true);
      expect(Date.parse(new X509Certificate(next?.certificate ?? "").validTo)).toBeGreaterThan(start + at * day);
    }
  });

  it("at every step of two years is trusted by whoever holds the bundle of the step before or after", async () => {
    let held = await made();
    for (let at = start; at < start + 730 * day; at += day) {
      const next = await renewed(held, names, at);
      expect(Date.parse(new X509Certificate(held.certificate).validTo)).toBeGreaterThan(at);
      if (next === undefined) continue;
      expect(isTrusted(held, next), new Date(at).toISOString()).toBe(true);
      expect(isTrusted(next, held), new Date(at).toISOString()).toBe(true);
      expect(Date.parse(new X509Certificate(next.certificate).validTo)).toBeGreaterThan(at + 20 * day);
      for (const pem of next.authorities) expect(Date.parse(new X509Certificate(pem).validTo)).toBeGreaterThan(at);
      held = next;
    }
  });
});
