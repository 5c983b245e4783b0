/** Signs modules as yoke's command line does, for tests. */
import { createHash, createPublicKey, type KeyObject, sign } from "node:crypto";
import { flightModuleOf } from "../../flight/loader.ts";
import { concat, leb128 } from "../../flight/wasmSections.ts";
import { cutSignature, fingerprintOf, pss, signatureSection } from "../signature.ts";

/** The module with a signature at its end, in the place of a former one. */
export function signModule(content: Uint8Array, key: KeyObject): Uint8Array {
  const { kind, bytes } = flightModuleOf(content);
  const { signed } = cutSignature({ kind, bytes });
  if (kind === "wasm") return concat([signed, customSection(signatureSection, payloadOf(signed, key))]);
  const text = Buffer.from(signed).toString();
  const body = text.endsWith("\n") ? text : `${text}\n`;
  return Buffer.from(`${body}//# ${signatureSection}=${payloadOf(Buffer.from(body), key)}\n`);
}

/** PEM of the public key, as MODULE_VERIFICATION_KEYS_PATH wants it. */
export function publicPem(key: KeyObject): string {
  return createPublicKey(key).export({ type: "spki", format: "pem" }).toString();
}

function payloadOf(signed: Uint8Array, key: KeyObject): string {
  const Fingerprint = fingerprintOf(createPublicKey(key));
  return JSON.stringify({ Fingerprint, Signature: signatureOf(signed, key).toString("base64") });
}

function signatureOf(signed: Uint8Array, key: KeyObject): Buffer {
  if (key.asymmetricKeyType === "ed25519") return sign(null, createHash("sha256").update(signed).digest(), key);
  if (key.asymmetricKeyType === "rsa") return sign("sha256", signed, { key, ...pss });
  return sign("sha256", signed, { key, dsaEncoding: "der" });
}

export function customSection(name: string, data: string): number[] {
  const [nameBytes, dataBytes] = [Buffer.from(name), Buffer.from(data)];
  const size = leb128(leb128(nameBytes.length).length + nameBytes.length + dataBytes.length);
  return [0, ...size, ...leb128(nameBytes.length), ...nameBytes, ...dataBytes];
}
