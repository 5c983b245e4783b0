/** Modules that must be signed: keys are configured, and no allow-list. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { backendV1 } from "./support/backend.ts";
import { signed, signingKey } from "./support/sign.ts";
import { refusal, Stage } from "./support/stage.ts";

const folder = mkdtempSync(join(tmpdir(), "conformance-keys-"));
const keys = join(folder, "keys.json");
const key = signingKey();
writeFileSync(keys, JSON.stringify([key.publicPem]));
const stage = new Stage("signatures", { env: { MODULE_VERIFICATION_KEYS_PATH: keys } });

const signedUrl = (flight: string) =>
  stage.pushModule(`${flight}-signed`, signed(readFileSync(join(inject("flights"), flight)), key));

beforeAll(() => stage.open());
afterAll(async () => {
  await stage.close();
  rmSync(folder, { recursive: true });
});

test("C47 an Airway with an unsigned module is denied", async () => {
  const said = await refusal(stage.propose("Backend", "backend-v1", { template: backendV1 }));
  expect(said).toContain('admission webhook "airways.yoke.cd" denied the request');
  const url = await stage.url("backend-v1");
  expect(said).toContain(`failed to validate flight url "${url}": failed to verify module: module is unsigned`);
});

test("C48 an Airway with a signed module is accepted", async () => {
  const wasmUrls = { flight: await signedUrl("backend-v1") };
  await stage.define("Backend", "backend-v1", { template: backendV1, spec: { wasmUrls } });
});

test("C58 a Flight with an unsigned module is denied, with a signed one accepted", async () => {
  const ref = stage.ref("yoke.cd/v1alpha1", "Flight", "c58");
  const spec = { insecure: true, input: '{"hello":"world"}' };
  expect(await refusal(stage.put(ref, { ...spec, wasmUrl: await stage.url("basic") }))).toBe(
    'admission webhook "flights.yoke.cd" denied the request: failed to verify module: module is unsigned',
  );
  await stage.put(ref, { ...spec, wasmUrl: await signedUrl("basic") });
  await stage.ready(ref);
});
