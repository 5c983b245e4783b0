/** yoke's demo, with Vault and External Secrets as they are: a secret's new value rolls a Deployment. */
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import type { KubeObject, ObjectRef } from "../../controller/kube/object.ts";
import { externalSecretsService, vaultService } from "../../local/services.ts";
import { eventually } from "../e2e/support/eventually.ts";
import { newSubstrate } from "../e2e/support/substrate.ts";
import { Stage } from "./support/stage.ts";

const stage = new Stage("demo");
const d02 = stage.custom("Subscription", "d02", "default");
const substrate = newSubstrate("", afterAll);
const rootToken = "conformance";
/** Under which name External Secrets knows Vault. */
const store = "conformance-vault";
const crds = join(import.meta.dirname, "../../infra/crds/external-secrets.yaml");
let vault = "";

beforeAll(async () => {
  mkdirSync(substrate.stateDir, { recursive: true });
  cpSync(stage.kubeconfig, join(substrate.stateDir, "kubeconfig.yaml"));
  await Promise.all(objectsIn(crds).map(object => stage.apply(object)));
  vault = (await substrate.facts(vaultService({ port: "auto", rootToken }))).address;
  await substrate.facts(externalSecretsService());
  await stage.open();
});
afterAll(async () => {
  await stage.delete(d02);
  await stage.gone(d02);
  // With the ExternalSecret that owns it the garbage collector is not acquainted yet; the next run must not find it.
  await stage.delete(stage.ref("v1", "Secret", d02.name, d02.namespace));
  for (const name of ["SecretStore", "Secret"]) {
    await stage.delete(stage.ref(name === "Secret" ? "v1" : "external-secrets.io/v1", name, store, "default"));
  }
  await stage.close();
});

const objectsIn = (file: string) =>
  parseAllDocuments(readFileSync(file, "utf8")).map(document => document.toJS() as KubeObject);

async function writeValue(path: string, value: string): Promise<void> {
  const answer = await fetch(`${vault}/v1/secret/data/${path}`, {
    method: "POST",
    headers: { "x-vault-token": rootToken },
    body: JSON.stringify({ data: { hello: value } }),
  });
  expect(answer.status).toBe(200);
}

async function connectVault(namespace: string): Promise<void> {
  const metadata = { name: store, namespace };
  await stage.apply({ apiVersion: "v1", kind: "Secret", metadata, stringData: { token: rootToken } });
  const auth = { tokenSecretRef: { name: store, key: "token" } };
  const provider = { vault: { server: vault, path: "secret", version: "v2", auth } };
  await stage.apply({ apiVersion: "external-secrets.io/v1", kind: "SecretStore", metadata, spec: { provider } });
}

const spec = (path: string) => ({ image: "nginx:latest", replicas: 2, store, path, key: "hello" });
const deploymentOf = ({ name, namespace }: ObjectRef) => stage.ref("apps/v1", "Deployment", name, namespace);

/** Waits until the Deployment's pods carry this value's hash; its generation. */
function rolledTo(ref: ObjectRef, value: string): Promise<number> {
  const hash = createHash("sha1").update(value).digest("hex");
  return eventually(`the Deployment has the hash of ${value}`, async () => {
    const { metadata, spec } = await stage.get(deploymentOf(ref));
    expect(spec).toMatchObject({ template: { metadata: { labels: { "secret-hash": hash } } } });
    return metadata.generation ?? 0;
  });
}

async function rollsOnce(ref: ObjectRef, path: string): Promise<void> {
  const before = await rolledTo(ref, "hello");
  await stage.ready(ref);
  await writeValue(path, "hello again");
  const after = await rolledTo(ref, "hello again");
  await stage.ready(ref);
  expect(after, JSON.stringify((await stage.get(ref))["status"])).toBe(before + 1);
  const secret = await stage.get(stage.ref("v1", "Secret", ref.name, ref.namespace));
  expect(secret).toMatchObject({ data: { hello: Buffer.from("hello again").toString("base64") } });
  expect((await stage.get(deploymentOf(ref))).metadata.generation).toBe(before + 1);
}

test.concurrent("D01 the demo in mode dynamic: a new value in Vault stays, and rolls the Deployment once", async () => {
  const ref = stage.custom("Demo", "d01");
  await connectVault(ref.namespace);
  await writeValue("d01", "hello");
  await stage.define("Demo", "demo-dynamic", { spec: { mode: "dynamic", clusterAccess: true } });
  await stage.put(ref, spec("d01"));
  await rollsOnce(ref, "d01");
});

test.concurrent("D02 the demo in mode subscription: a Secret that comes later is found, and rolls the Deployment", async () => {
  await connectVault(d02.namespace);
  await writeValue("d02", "hello");
  const airway = { mode: "subscription", clusterAccess: true };
  await stage.define(d02.kind, "demo-subscription", { spec: airway });
  await stage.put(d02, spec("d02"));
  await rollsOnce(d02, "d02");
});
