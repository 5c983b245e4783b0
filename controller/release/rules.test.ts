import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { allows, byNamespace, type Need, type Rule, releaseVerbs, rulesFor, type Verb } from "./rules.ts";

const typeOf = (group: string, plural: string) => ({
  ...{ group, plural, version: "v1", apiVersion: `${group}/v1`, kind: plural, namespaced: true },
});
const need = (plural: string, name: string, verbs: readonly Verb[], group = ""): Need => ({
  ...{ type: typeOf(group, plural), namespace: "ns", name, verbs },
});

describe("a rule", () => {
  const rule: Rule = { apiGroups: ["", "apps"], resources: ["secrets"], resourceNames: ["a"], verbs: ["get", "watch"] };

  it("allows what it lists, for the names that it lists", () => {
    expect(allows([rule], need("secrets", "a", []), "get")).toBe(true);
    expect(allows([rule], need("secrets", "b", []), "get")).toBe(false);
    expect(allows([rule], need("secrets", "a", []), "list")).toBe(false);
    expect(allows([rule], need("configmaps", "a", []), "get")).toBe(false);
    expect(allows([rule], need("secrets", "a", [], "x.com"), "get")).toBe(false);
    expect(allows([{ ...rule, resourceNames: [] }], need("secrets", "b", []), "get")).toBe(true);
  });

  it("of an administrator allows everything", () => {
    const all = [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }];
    for (const verb of releaseVerbs) expect(allows(all, need("things", "a", [], "x.com"), verb)).toBe(true);
  });
});

const needs = fc.array(
  fc.record({
    plural: fc.constantFrom("secrets", "pods", "jobs"),
    group: fc.constantFrom("", "batch"),
    name: fc.constantFrom("a", "b", "c"),
    verbs: fc.subarray([...releaseVerbs], { minLength: 1 }),
  }),
);

describe("the rules for needs", () => {
  it("give all of them, and nothing to other names", () => {
    fc.assert(
      fc.property(needs, drawn => {
        const wanted = drawn.map(({ plural, name, verbs, group }) => need(plural, name, verbs, group));
        const rules = rulesFor(wanted);
        for (const each of wanted) for (const verb of each.verbs) expect(allows(rules, each, verb)).toBe(true);
        for (const each of wanted)
          for (const verb of releaseVerbs) {
            const isWanted = wanted.some(
              other =>
                other.type.plural === each.type.plural &&
                other.type.group === each.type.group &&
                other.name === each.name &&
                other.verbs.includes(verb),
            );
            expect(allows(rules, each, verb)).toBe(isWanted);
            expect(allows(rules, { ...each, name: "other" }, verb)).toBe(false);
          }
      }),
    );
  });

  it("are one for what has the same verbs", () => {
    expect(rulesFor([need("secrets", "b", ["watch", "get"]), need("secrets", "a", ["get", "watch"])])).toEqual([
      { apiGroups: [""], resources: ["secrets"], resourceNames: ["a", "b"], verbs: ["get", "watch"] },
    ]);
  });

  it("leave names out where they are not wanted", () => {
    const wanted = [need("pods", "a", ["get"]), need("pods", "b", ["get"]), need("secrets", "a", ["get"])];
    expect(rulesFor(wanted, ({ type }) => type.plural === "secrets")).toEqual([
      { apiGroups: [""], resources: ["pods"], verbs: ["get"] },
      { apiGroups: [""], resources: ["secrets"], resourceNames: ["a"], verbs: ["get"] },
    ]);
  });

  it("are apart for each namespace", () => {
    const elsewhere = { ...need("pods", "a", ["get"]), namespace: "other" };
    expect([...byNamespace([need("pods", "a", ["get"]), elsewhere]).keys()]).toEqual(["ns", "other"]);
  });
});
