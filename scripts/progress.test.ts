import { describe, expect, it } from "vitest";
import { Progress, resourceName } from "./progress.ts";

const urn = (types: string, name: string) => `urn:pulumi:local::dynamic-mode::${types}::${name}`;
const cluster = urn("command:local:Command", "cluster");

function progressAt(): { progress: Progress; clock: { now: number } } {
  const clock = { now: 0 };
  return { progress: new Progress(() => clock.now), clock };
}

describe("progress", () => {
  it("tells each step with its time when it is done", () => {
    const { progress, clock } = progressAt();
    expect(progress.take({ resourcePreEvent: { metadata: { op: "create", urn: cluster } } })).toEqual([]);
    clock.now = 8_400;
    expect(progress.running()).toBe("cluster 8 s");
    const [line] = progress.take({ resOutputsEvent: { metadata: { op: "create", urn: cluster } } });
    expect(line).toMatch(/^ {2}created +cluster +8\.4 s$/);
    expect(progress.running()).toBe("");
  });

  it("says nothing of what stays the same, nor of components", () => {
    const { progress } = progressAt();
    const steps = [
      { op: "same", urn: cluster },
      { op: "create", urn: urn("dynamic-mode:infra:Airway", "backends") },
      { op: "create", urn: urn("pulumi:pulumi:Stack", "dynamic-mode-local") },
    ];
    for (const metadata of steps) {
      progress.take({ resourcePreEvent: { metadata } });
      expect(progress.take({ resOutputsEvent: { metadata } })).toEqual([]);
    }
  });

  it("names a step that failed, and keeps the error", () => {
    const { progress } = progressAt();
    progress.take({ resourcePreEvent: { metadata: { op: "create", urn: cluster } } });
    expect(progress.take({ resOpFailedEvent: { metadata: { op: "create", urn: cluster } } })[0]).toContain("FAILED");
    const message = "<{%reset%}>port 8200 is taken<{%reset%}>\n";
    expect(progress.take({ diagnosticEvent: { message, severity: "error" } })).toEqual([
      "    error: port 8200 is taken",
    ]);
    expect(progress.summary().errors).toEqual(["port 8200 is taken"]);
  });

  it("does not repeat in an error what the command said while it ran", () => {
    const { progress } = progressAt();
    progress.take({ diagnosticEvent: { message: "port 8200 is taken\n  Choose another.\n", severity: "info" } });
    const message = "exit status 1: running vault:\nport 8200 is taken\n  Choose another.\n\n  See above.\n";
    expect(progress.take({ diagnosticEvent: { message, severity: "error" } })).toEqual([
      "    error: exit status 1: running vault:\n      See above.",
    ]);
  });

  it.each(["debug", "verbose"])("passes over %s lines, which show secrets", severity => {
    const { progress } = progressAt();
    expect(progress.take({ diagnosticEvent: { message: "token: hunter2", severity } })).toEqual([]);
  });

  it("counts what changed", () => {
    const { progress } = progressAt();
    progress.take({ summaryEvent: { resourceChanges: { same: 20, update: 2, create: 0 } } });
    expect(progress.summary().changes).toEqual({ update: 2 });
  });
});

describe("resourceName", () => {
  it.each([
    [cluster, "cluster"],
    [urn("dynamic-mode:infra:Backend$kubernetes:examples.com/v1:Backend", "nginx"), "Backend nginx"],
    [urn("pulumi:providers:kubernetes", "kubernetes"), "provider kubernetes"],
    [urn("dynamic-mode:infra:VaultSecret$vault:kv/secretV2:SecretV2", "demo"), "SecretV2 demo"],
  ])("reads %s as %s", (from, name) => {
    expect(resourceName(from)).toBe(name);
  });
});
