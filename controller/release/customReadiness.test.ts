import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { KubeObject } from "../kube/object.ts";
import { CustomReadiness, concerns, readRules } from "./customReadiness.ts";
import { factsOf } from "./facts.ts";
import { readiness, readsWhole } from "./readiness.ts";

function configMap(language: string, data: Record<string, string>, name = "rules"): KubeObject {
  const metadata = { name, namespace: "ops", labels: { "resource.yoke.cd/readiness": language } };
  return { apiVersion: "v1", kind: "ConfigMap", metadata, data };
}

function bookOf(...configMaps: KubeObject[]): CustomReadiness {
  const book = new CustomReadiness();
  for (const of of configMaps) book.set(of.metadata.name, readRules(of).rules);
  return book;
}

function object(apiVersion: string, kind: string, conditions: Record<string, string> = {}, more = {}): KubeObject {
  const status = { conditions: Object.entries(conditions).map(([type, value]) => ({ type, status: value })) };
  return { apiVersion, kind, metadata: { name: "x", namespace: "demo", generation: 1, ...more }, status };
}

const widget = (conditions?: Record<string, string>, more?: object) =>
  object("x.io/v1", "Widget", conditions, more as Record<string, unknown>);

describe("a rule of conditions", () => {
  const book = bookOf(configMap("conditions", { "Widget.x.io": " Synced\n  Healthy ", "_.y.io": "Done", _: "Told" }));

  it("holds when all conditions hold", () => {
    expect(readiness(widget({ Synced: "True", Healthy: "True" }), book).ready).toBe(true);
    expect(readiness(widget({ Synced: "True" }), book).reason).toBe(
      "Widget demo/x: condition Healthy is not reported yet",
    );
    expect(readiness(widget({ Synced: "False", Healthy: "True" }), book).reason).toContain("condition Synced is False");
  });

  it("counts in place of the Ready condition, whatever that says", () => {
    expect(readiness(widget({ Synced: "True", Healthy: "True", Ready: "False" }), book).ready).toBe(true);
    expect(readiness(object("z.io/v1", "Widget", { Ready: "False" }), book).ready).toBe(false);
  });

  it("may speak for a group, in all versions, also for the core group", () => {
    expect(readiness(object("y.io/v2", "Any"), book).reason).toContain("condition Done");
    expect(readiness(object("v1", "Secret"), book).reason).toContain("condition Told");
    expect(readiness(object("y.io.z/v2", "Any"), book).ready).toBe(true);
  });

  it("of a kind wins over that of its group", () => {
    const both = bookOf(configMap("conditions", { "_.x.io": "Grouped", "Widget.x.io": "Own" }));
    expect(readiness(widget({ Own: "True" }), both).ready).toBe(true);
    expect(readiness(object("x.io/v1", "Other", { Own: "True" }), both).ready).toBe(false);
  });

  it("without conditions makes objects ready at once", () => {
    const none = bookOf(configMap("conditions", { "ExternalSecret.external-secrets.io": "" }));
    const externalSecret = object("external-secrets.io/v1", "ExternalSecret");
    expect([readiness(externalSecret).ready, readiness(externalSecret, none).ready]).toEqual([false, true]);
  });

  it("needs the whole object, and its release quotes what is missing", () => {
    const budget = object("policy/v1", "PodDisruptionBudget");
    const budgets = bookOf(configMap("conditions", { "PodDisruptionBudget.policy": "DisruptionAllowed" }));
    expect([readsWhole(budget), readsWhole(budget, budgets)]).toEqual([false, true]);
    expect(factsOf(budget, budgets)).toMatchObject({
      ready: false,
      gap: "PodDisruptionBudget demo/x: condition DisruptionAllowed is not reported yet",
    });
  });

  it("says nothing of instances and of built-in kinds", () => {
    const all = bookOf(
      configMap("conditions", { "_.x.io": "Synced", "_.apps": "Synced", "Deployment.apps": "Synced" }),
    );
    const ownerReferences = [{ apiVersion: "yoke.cd/v1alpha1", kind: "Airway", name: "a", uid: "u" }];
    expect(readiness(widget({ Synced: "True" }, { ownerReferences }), all).reason).toContain("condition Ready");
    expect(readiness(object("apps/v1", "Deployment", { Synced: "True" }), all).ready).toBe(false);
    expect(factsOf(object("apps/v1", "Deployment", { Synced: "True" }), all).gap).toBe("");
    expect(all.ruleFor({ apiVersion: "apps/v1", kind: "ControllerRevision" })).toBeDefined();
  });
});

describe("of several ConfigMaps", () => {
  const one = configMap("conditions", { "Widget.x.io": "A" }, "one");
  const two = configMap("conditions", { "Widget.x.io": "B" }, "two");

  it("all count, in whatever order they are seen", () => {
    for (const book of [bookOf(one, two), bookOf(two, one)]) {
      expect(readiness(widget({ A: "True" }), book).ready).toBe(false);
      expect(readiness(widget({ A: "True", B: "True" }), book).ready).toBe(true);
    }
  });

  it("one that goes leaves the rules of the others", () => {
    const book = bookOf(one, two);
    expect(book.set("two", new Map())).toEqual(["Widget.x.io"]);
    expect(readiness(widget({ A: "True" }), book).ready).toBe(true);
    book.set("one", new Map());
    expect(book.ruleFor(widget())).toBeUndefined();
  });

  it("only what changes is told", () => {
    const book = bookOf(one);
    expect(book.set("one", readRules(one).rules)).toEqual([]);
    expect(book.set("three", readRules(one).rules)).toEqual([]);
    const changed = book.set("one", readRules(configMap("conditions", { "_.y.io": "C" })).rules);
    expect(changed).toEqual(["_.y.io"]);
    expect(concerns(changed, { apiVersion: "y.io/v1", kind: "Any" })).toBe(true);
    expect(concerns(changed, widget())).toBe(false);
    expect(concerns(["Widget.x.io"], widget())).toBe(true);
  });
});

describe("what cannot count", () => {
  const codes = (of: KubeObject) => readRules(of).problems.map(({ code, message }) => `${code} ${message}`);

  it("is told: Lua, whose kinds are never ready", () => {
    const lua = configMap("lua", { "Widget.x.io": "return function() return true end" });
    expect(codes(lua)).toEqual([
      "RELEASE_READINESS_LUA ConfigMap ops/rules, key Widget.x.io: readiness in Lua is not supported",
    ]);
    expect(readiness(widget({ Ready: "True" }), bookOf(lua))).toEqual({
      ready: false,
      reason:
        "Widget demo/x: whether it is ready cannot be told: ConfigMap ops/rules, key Widget.x.io: " +
        "readiness in Lua is not supported (RELEASE_READINESS_LUA)",
    });
    const both = bookOf(lua, configMap("conditions", { "Widget.x.io": "" }, "two"));
    expect(readiness(widget(), both).ready).toBe(false);
  });

  it("is told: a value that is no list of conditions, whose kind is never ready", () => {
    const broken = configMap("conditions", { "Widget.x.io": "Synced, Healthy" });
    expect(codes(broken)).toEqual([
      "RELEASE_READINESS_INVALID ConfigMap ops/rules, key Widget.x.io: is no list of condition types, separated by spaces",
    ]);
    expect(readiness(widget({ Synced: "True" }), bookOf(broken)).reason).toContain("RELEASE_READINESS_INVALID");
  });

  it.each([
    ["Widget.X.io", "is neither Kind.group nor _.group"],
    ["widgets..x.io", "is neither Kind.group nor _.group"],
    [".x.io", "is neither Kind.group nor _.group"],
    ["Deployment.apps", "names a kind whose readiness is built in"],
    ["Pod", "names a kind whose readiness is built in"],
  ])("is told: the key %s, which %s", (key, words) => {
    const { rules, problems } = readRules(configMap("conditions", { [key]: "Synced", "Widget.x.io": "Synced" }));
    expect([...rules.keys()]).toEqual(["Widget.x.io"]);
    expect(problems.map(({ message }) => message)).toEqual([`ConfigMap ops/rules, key ${key}: ${words}`]);
  });

  it("is told: another language", () => {
    expect(codes(configMap("jsonnet", { "Widget.x.io": "" }))).toEqual([
      "RELEASE_READINESS_INVALID ConfigMap ops/rules: label resource.yoke.cd/readiness must be conditions or lua",
    ]);
    expect(codes(configMap("", {}))).toHaveLength(1);
  });
});

it("any ConfigMap is read, and each of its keys becomes a rule or a problem", () => {
  const key = fc.oneof(fc.string(), fc.constantFrom("Widget.x.io", "_", "__proto__", "constructor", "Deployment.apps"));
  const language = fc.constantFrom("conditions", "lua", "other");
  fc.assert(
    fc.property(language, fc.dictionary(key, fc.string()), (label, data) => {
      const { rules, problems } = readRules(configMap(label, data));
      const refused = [...rules.values()].filter(rule => rule.refused !== undefined).length;
      const keys = label === "other" ? 1 : Object.keys(data).length;
      expect(rules.size - refused + problems.length).toBe(keys);
      const book = new CustomReadiness();
      expect(new Set(book.set("rules", rules))).toEqual(new Set(rules.keys()));
      expect(typeof readiness(widget({ Ready: "True" }), book).ready).toBe("boolean");
    }),
  );
});
