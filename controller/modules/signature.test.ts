import { createHash, generateKeyPairSync, type KeyObject } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { flightModuleOf } from "../flight/loader.ts";
import { cutSignature, fingerprintOf, parseVerificationKeys, verifySignature } from "./signature.ts";
import { customSection, publicPem, signModule } from "./testing/sign.ts";

const keys: [name: string, key: KeyObject][] = [
  ["Ed25519", generateKeyPairSync("ed25519").privateKey],
  ["RSA", generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey],
  ["ECDSA P-256", generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey],
  ["ECDSA P-384", generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey],
];
const stranger = generateKeyPairSync("ed25519").privateKey;
const trusted = parseVerificationKeys(JSON.stringify(keys.map(([, key]) => publicPem(key))), "keys.json");

const wasm = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...customSection("name", "flight")]);
const javascript = new TextEncoder().encode("export default () => '[]';");
const verify = (bytes: Uint8Array) => verifySignature(flightModuleOf(bytes), trusted);
const refusal = (message: string) => expect.objectContaining({ message: `failed to verify module: ${message}` });

for (const [name, key] of keys) {
  test(`modules signed with ${name} are genuine, and stay so when signed again`, () => {
    for (const module of [wasm, javascript]) {
      const signed = signModule(module, key);
      verify(signed);
      verify(signModule(signed, key));
      expect(() => verify(signModule(signed, stranger))).toThrow(refusal("it is signed with an unknown key"));
    }
  });

  test(`a module changed after it was signed with ${name} is not genuine`, () => {
    const changed = signModule(wasm, key);
    changed.set([0x46], changed.indexOf(0x66));
    expect(() => verify(changed)).toThrow(refusal("invalid signature"));
    const source = Buffer.from(signModule(javascript, key)).toString();
    expect(() => verify(Buffer.from(source.replace("'[]'", "'{}'")))).toThrow(refusal("invalid signature"));
  });
}

test("an unsigned module says so", () => {
  expect(() => verify(wasm)).toThrow(refusal("module is unsigned"));
  expect(() => verify(javascript)).toThrow(refusal("module is unsigned"));
});

test("code behind a signature is not signed", () => {
  const signed = Buffer.from(signModule(javascript, stranger)).toString();
  expect(() => verify(Buffer.from(`${signed}evil();`))).toThrow(refusal("module is unsigned"));
  const evil = [...signModule(wasm, keys[0]?.[1] ?? stranger), ...customSection("evil", "x")];
  expect(() => verify(new Uint8Array(evil))).toThrow(refusal("invalid signature"));
});

test.each(["\r", "\u2028", "\u2029"])("what follows %j in the line of a signature is code, and not signed", end => {
  const signed = Buffer.from(signModule(javascript, keys[0]?.[1] ?? stranger)).toString();
  const evil = signed.replace(/\}\n$/, `,"x":"${end}evil();//"}\n`);
  expect(evil).toContain("evil();");
  expect(() => verify(Buffer.from(evil))).toThrow(refusal("module is unsigned"));
});

test("a payload that is none is refused", () => {
  for (const payload of ["", "null", "{", '{"Fingerprint":1}']) {
    const bytes = new Uint8Array([...wasm, ...customSection("yoke.schematics:signature", payload)]);
    expect(() => verify(bytes)).toThrow(refusal("invalid signature payload"));
  }
});

test("the fingerprint of an Ed25519 key is that of its 32 bytes", () => {
  const { publicKey } = generateKeyPairSync("ed25519");
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  expect(fingerprintOf(publicKey)).toBe(createHash("sha256").update(raw).digest("hex"));
});

test("key files hold PEM texts; of a private key the public part is used", () => {
  const [, rsa = stranger] = keys[1] ?? [];
  const pems = [
    stranger.export({ type: "pkcs8", format: "pem" }),
    rsa.export({ type: "pkcs1", format: "pem" }),
    publicPem(rsa),
  ];
  const parsed = parseVerificationKeys(JSON.stringify(pems), "keys.json");
  expect([...parsed.values()].map(({ type }) => type)).toEqual(["public", "public"]);
});

test.each(["", "{}", "[]", "[1]", '["no key"]'])("%j is no key file, and is not quoted", text => {
  expect(() => parseVerificationKeys(text, "keys.json")).toThrow(expect.objectContaining({ code: "MODULE_KEYS" }));
});

test("keys that cannot sign are refused", () => {
  const pem = publicPem(generateKeyPairSync("x25519").privateKey);
  expect(() => parseVerificationKeys(JSON.stringify([pem]), "keys.json")).toThrow(/x25519/);
});

test("any bytes behind the header of a module end in a coded error", () => {
  const magic = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const section = fc.uint8Array({ maxLength: 20 }).map(bytes => [0, bytes.length, ...bytes]);
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map(bytes => [...bytes]),
    fc.array(section, { maxLength: 5 }).map(sections => sections.flat()),
    fc.string().map(text => customSection("yoke.schematics:signature", text)),
  );
  fc.assert(
    fc.property(body, bytes => {
      expect(() => verify(new Uint8Array([...magic, ...bytes]))).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^(MODULE|FLIGHT)_/) }),
      );
    }),
  );
});

test("cutting the signature out gives the module back", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 30 }), fc.nat(3), (content, at) => {
      const module = new Uint8Array([...wasm, 0, content.length + 1, 0, ...content]);
      const { signed } = cutSignature(flightModuleOf(signModule(module, keys[at]?.[1] ?? stranger)));
      expect(Buffer.from(signed)).toEqual(Buffer.from(module));
    }),
    { numRuns: 20 },
  );
});
