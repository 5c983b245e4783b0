/** Signs WebAssembly modules as yoke does; from the format's description, not with the product's code. */
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";

const section = "yoke.schematics:signature";

/** An Ed25519 key pair: the private key, and the public one as PEM. */
export function signingKey(): { readonly key: KeyObject; readonly publicPem: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return { key: privateKey, publicPem: publicKey.export({ type: "spki", format: "pem" }).toString() };
}

/** The module with a custom section at its end: who signed, and the signature of the digest of all before it. */
export function signed(module: Buffer, key: { readonly key: KeyObject; readonly publicPem: string }): Buffer {
  const digest = createHash("sha256").update(module).digest();
  const der = Buffer.from(key.publicPem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
  const rawKey = der.subarray(-32);
  const content = Buffer.from(
    JSON.stringify({
      Fingerprint: createHash("sha256").update(rawKey).digest("hex"),
      Signature: sign(null, digest, key.key).toString("base64"),
    }),
  );
  const name = Buffer.from(section);
  const body = Buffer.concat([leb128(name.length), name, content]);
  return Buffer.concat([module, Buffer.from([0]), leb128(body.length), body]);
}

/** Unsigned LEB128, WebAssembly's number format. */
function leb128(value: number): Buffer {
  const bytes: number[] = [];
  for (let left = value; ; left >>>= 7) {
    if (left < 0x80) return Buffer.from([...bytes, left]);
    bytes.push((left & 0x7f) | 0x80);
  }
}
