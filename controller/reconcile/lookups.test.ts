import { describe, expect, it } from "vitest";
import { answerError, isKubeError } from "../kube/errors.ts";
import type { KubeObject } from "../kube/object.ts";
import type { Access } from "./context.ts";
import { RenderLookups } from "./lookups.ts";

const type = { group: "", version: "v1", apiVersion: "v1", kind: "Secret", plural: "secrets", namespaced: true };
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
