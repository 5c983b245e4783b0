import { describe, expect, it } from "vitest";
import type { KubeObject } from "../kube/object.ts";
import { asStored, createCurtain } from "./curtain.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");

function secret(value: string): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "s", namespace: "n" },
    data: { password: base64(value) },
  };
}

function configMap(text: string): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" }, data: { text } };
}

describe("the curtain", () => {
  it("shows of a Secret whether a value is the same, and nothing of the value", () => {
    const { cover } = createCurtain();
    const shown = JSON.stringify(cover(secret("hunter22")));
    expect(shown).toMatch(/"password":"\(hidden, [\w-]{8}\)"/);
    expect(shown).not.toContain(base64("hunter22"));
    expect(JSON.stringify(cover(secret("hunter22")))).toBe(shown);
    expect(JSON.stringify(cover(secret("hunter23")))).not.toBe(shown);
    expect(JSON.stringify(createCurtain().cover(secret("hunter22")))).not.toBe(shown);
  });

  it("hides what was applied last by kubectl", () => {
    const { metadata, ...rest } = secret("hunter22");
    const last = { "kubectl.kubernetes.io/last-applied-configuration": JSON.stringify(rest) };
    const shown = createCurtain().cover({ ...rest, metadata: { ...metadata, annotations: { ...last, a: "b" } } });
    expect(JSON.stringify(shown)).not.toContain(base64("hunter22"));
    expect(shown.metadata.annotations).toEqual({ a: "b" });
  });

  it("hides what stringData says", () => {
    const { data: _, ...rest } = secret("");
    const shown = createCurtain().cover({ ...rest, stringData: { password: "hunter22" } } as KubeObject);
    expect(JSON.stringify(shown)).not.toContain("hunter22");
    expect(shown["data"]).toHaveProperty("password");
  });

  it("finds the values of known Secrets wherever else they are", () => {
    const { cover, remember } = createCurtain();
    remember([secret("hunter22"), undefined, configMap("not a secret")]);
    expect(cover(configMap("url: http://me:hunter22@host"))["data"]).toEqual({ text: "url: http://me:[secret]@host" });
    expect(cover(configMap("not a secret"))["data"]).toEqual({ text: "not a secret" });
  });
});

describe("stringData", () => {
  it("becomes data, and wins over it, as in the API server", () => {
    const { data } = asStored({ ...secret("old"), stringData: { password: "new", more: "x" } });
    expect(data).toEqual({ password: base64("new"), more: base64("x") });
  });
});
