import { expect, it } from "vitest";
import { answerError } from "../kube/errors.ts";
import type { KubeObject, ResourceType } from "../kube/object.ts";
import type { ReflectorHandler } from "../kube/reflector.ts";
import { tellList } from "../kube/testing/tellList.ts";
import { listReadiness, ReadinessRules } from "./readinessRules.ts";

function setUp() {
  const changes: ((type: ResourceType) => boolean)[] = [];
  const problems: string[] = [];
  const warnings: string[] = [];
  let handler: ReflectorHandler | undefined;
  const rules = new ReadinessRules({
    openReflector: scope => {
      expect([scope.type.plural, scope.labelSelector]).toEqual(["configmaps", "resource.yoke.cd/readiness"]);
      handler = scope.handler;
      return { start: () => undefined, stop: async () => undefined } as never;
    },
    changed: concerned => void changes.push(concerned),
    problem: ({ metadata }, { code }) => void problems.push(`${metadata.name} ${code}`),
    log: { warn: (_: unknown, text: string) => void warnings.push(text) } as never,
  });
  return { rules, changes, problems, warnings, handler: handler as unknown as ReflectorHandler };
}

function configMap(name: string, data: Record<string, string>, language = "conditions"): KubeObject {
  const metadata = { name, namespace: "ops", labels: { "resource.yoke.cd/readiness": language } };
  return { apiVersion: "v1", kind: "ConfigMap", metadata, data };
}

const widget = { apiVersion: "x.io/v1", kind: "Widget" };
const widgets: ResourceType = { ...widget, group: "x.io", version: "v1", plural: "widgets", namespaced: true };

it("rules come and go with their ConfigMaps, and each change is told with its kinds", async () => {
  const { rules, changes, handler } = setUp();
  tellList(handler, [configMap("a", { "Widget.x.io": "Synced" })], "1");
  await rules.known;
  expect(rules.custom.ruleFor(widget)).toMatchObject({ conditions: ["Synced"] });
  expect(changes.map(concerned => [concerned(widgets), concerned({ ...widgets, kind: "Other" })])).toEqual([
    [true, false],
  ]);
  handler.upsert(configMap("a", { "Widget.x.io": "Healthy" }));
  handler.upsert(configMap("b", { "_.x.io": "Grouped" }));
  expect(rules.custom.ruleFor(widget)).toMatchObject({ conditions: ["Healthy"] });
  handler.delete(configMap("a", {}));
  expect(rules.custom.ruleFor(widget)).toMatchObject({ conditions: ["Grouped"] });
  tellList(handler, [], "2");
  expect(rules.custom.ruleFor(widget)).toBeUndefined();
  expect(changes).toHaveLength(5);
});

it("a ConfigMap that lost its rules has none, also when it still has the label", () => {
  const { rules, handler } = setUp();
  handler.upsert(configMap("a", { "Widget.x.io": "Synced" }));
  handler.upsert(configMap("a", { "Widget.x.io": "Synced" }, "other"));
  expect(rules.custom.ruleFor(widget)).toBeUndefined();
});

it("what cannot count is told when it is seen, and once more to who leads", () => {
  const { rules, problems, handler } = setUp();
  handler.upsert(configMap("a", { "Widget.x.io": "" }, "lua"));
  handler.upsert(configMap("b", { "Deployment.apps": "Synced" }));
  const told = ["a RELEASE_READINESS_LUA", "b RELEASE_READINESS_INVALID"];
  expect(problems).toEqual(told);
  rules.tellProblems();
  expect(problems).toEqual([...told, ...told]);
});

it("a missing right is told once, and keeps nobody waiting", async () => {
  const { rules, warnings, handler } = setUp();
  const forbidden = answerError({ method: "GET", path: "/" }, { status: 403, body: "" });
  handler.failed?.(forbidden);
  handler.failed?.(forbidden);
  await rules.known;
  expect(warnings).toEqual(["ConfigMaps with readiness rules are not looked for"]);
});

it("an API server in trouble is waited for, and a stop is not kept waiting", async () => {
  const { rules, warnings, handler } = setUp();
  handler.failed?.(answerError({ method: "GET", path: "/" }, { status: 503, body: "" }));
  await rules.stop();
  await rules.known;
  expect(warnings).toEqual([]);
});

it("rules are listed for who asks once, as far as he may", async () => {
  const items = [configMap("a", { "Widget.x.io": "Synced" })];
  const listed = await listReadiness({ list: async () => ({ items, resourceVersion: "1" }) });
  expect(listed.ruleFor(widget)).toMatchObject({ conditions: ["Synced"] });
  const refusing = (status: number) => ({
    list: () => Promise.reject(answerError({ method: "GET", path: "/" }, { status, body: "" })),
  });
  expect((await listReadiness(refusing(403))).ruleFor(widget)).toBeUndefined();
  await expect(listReadiness(refusing(503))).rejects.toThrow();
});
