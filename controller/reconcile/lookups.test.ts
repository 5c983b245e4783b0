import { describe, expect, it } from "vitest";
import { answerError, isKubeError } from "../kube/errors.ts";
import type { KubeObject, ResourceType } from "../kube/object.ts";
import { secretType as type } from "../kube/resourceTypes.ts";
import type { Access } from "./context.ts";
import { RenderLookups } from "./lookups.ts";

const request = { apiVersion: "v1", kind: "Secret", namespace: "ns", name: "a" };

function refusal(status: number) {
  return answerError({ method: "GET", path: "/api/v1/namespaces/ns/secrets/a" }, { status, body: "" });
}

/** Lookups of a mode that does not react to them: each is a read. */
function lookups(get: () => Promise<KubeObject | undefined>) {
  const access = { client: { discovery: { resolve: async () => type }, get } } as unknown as Access;
  return new RenderLookups(access, { clusterAccess: true, matchers: [], owner: "ns/r" }, undefined);
}

function owned(data: Record<string, string>): KubeObject {
  const annotations = { "instance.atc.yoke.cd/release": "r", "instance.atc.yoke.cd/namespace": "ns" };
  return { apiVersion: "v1", kind: "Secret", metadata: { name: "a", namespace: "ns", annotations }, data };
}

describe("RenderLookups without watches", () => {
  it("tells the flight that a right is missing, as with watches", async () => {
    const asked = lookups(() => Promise.reject(refusal(403)));
    expect(await asked.lookup(request)).toMatchObject({ state: "forbidden" });
    expect(asked.failure).toBeUndefined();
  });

  it("gives up the render when the API server cannot answer", async () => {
    const asked = lookups(() => Promise.reject(refusal(503)));
    await asked.lookup(request);
    expect(isKubeError(asked.failure, "KUBE_UNAVAILABLE")).toBe(true);
  });
});

describe("kinds", () => {
  const asking = (clusterAccess: boolean, preferred: () => Promise<ResourceType | undefined>) => {
    const access = { client: { discovery: { resolve: async () => type, preferred } } } as unknown as Access;
    return new RenderLookups(access, { clusterAccess, matchers: [], owner: "ns/r" }, undefined);
  };

  it("are mapped in any version, or in the one that was asked for", async () => {
    const deployment = { ...type, group: "apps", version: "v1", apiVersion: "apps/v1", plural: "deployments" };
    const asked = asking(true, async () => deployment);
    expect(await asked.restMapping({ group: "apps", version: "", kind: "Deployment" })).toEqual({
      state: "ok",
      mapping: { group: "apps", version: "v1", kind: "Deployment", resource: "deployments", namespaced: true },
    });
    expect(await asked.restMapping({ group: "", version: "v1", kind: "Secret" })).toMatchObject({
      mapping: { group: "", version: "v1", resource: "secrets" },
    });
  });

  it("that are not served are told from an API server that cannot say", async () => {
    const absent = asking(true, async () => undefined);
    expect(await absent.restMapping({ group: "a.b", version: "", kind: "C" })).toMatchObject({ state: "not-found" });
    expect(absent.unknownKinds).toBe(true);
    const broken = asking(true, () => Promise.reject(refusal(503)));
    expect(await broken.restMapping({ group: "a.b", version: "", kind: "C" })).toMatchObject({ state: "error" });
    expect(isKubeError(broken.failure, "KUBE_UNAVAILABLE")).toBe(true);
  });

  it("are not told without access", async () => {
    const asked = asking(false, async () => undefined);
    expect(await asked.restMapping({ group: "", version: "v1", kind: "Pod" })).toMatchObject({ state: "no-access" });
  });
});

describe("redact", () => {
  it("leaves nothing of a value that begins like another one", async () => {
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    const asked = lookups(async () => owned({ short: base64("salt"), long: base64("saltmine-7") }));
    await asked.lookup(request);
    expect(asked.redact("got saltmine-7 and salt")).toBe("got [secret] and [secret]");
  });

  it("knows a value without its last newline, and each line of it", async () => {
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    const asked = lookups(async () => owned({ one: base64("hunter2\n"), two: base64("-----BEGIN\nMIIE\n") }));
    await asked.lookup(request);
    expect(asked.redact("bad: hunter2, MIIE")).toBe("bad: [secret], [secret]");
  });
});
