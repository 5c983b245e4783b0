import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ObjectRef } from "../kube/object.ts";
import { KindBook, resolveKinds } from "./childKinds.ts";

const object = (kind: string, namespace = "default", name = "x"): ObjectRef => ({
  apiVersion: kind === "ConfigMap" ? "v1" : "apps/v1",
  kind,
  namespace,
  name,
});

describe("KindBook", () => {
  it("tells when a kind comes or goes, and only then", () => {
    let changes = 0;
    const book = new KindBook(() => changes++);
    book.set("a", { isStatic: true, objects: [object("Deployment"), object("ConfigMap")] });
    expect(changes).toBe(1);
    book.set("b", { isStatic: true, objects: [object("Deployment", "default", "y")] });
    expect(changes).toBe(1);
    book.set("a", { isStatic: true, objects: [object("Deployment")] });
    expect(changes).toBe(2);
    book.set("a", undefined);
    expect(changes).toBe(2);
    book.set("b", undefined);
    expect(changes).toBe(3);
    expect(book.kinds()).toEqual({ guarded: [], others: [], namespaces: [] });
  });

  it("names a kind once, guarded before others, with the namespaces of the guarded", async () => {
    const book = new KindBook(() => undefined);
    book.set("a", { isStatic: true, objects: [object("Deployment", "one")] });
    book.set("b", { isStatic: false, objects: [object("Deployment", "two"), object("ConfigMap", "two")] });
    const plurals: Record<string, string> = { Deployment: "deployments" };
    const resolved = await resolveKinds(book, async (_, kind) => {
      const plural = plurals[kind];
      return plural === undefined ? undefined : { plural };
    });
    const guarded = [{ group: "apps", plural: "deployments" }];
    expect(resolved).toEqual({ kinds: { guarded, others: [], namespaces: ["one"] }, isComplete: false });
  });

  it("whatever comes and goes, knows what is there", () => {
    const kinds = fc.constantFrom("Deployment", "ConfigMap", "Service");
    const release = fc.record({ isStatic: fc.boolean(), objects: fc.array(kinds.map(kind => object(kind))) });
    const step = fc.tuple(fc.constantFrom("a", "b", "c"), fc.option(release, { nil: undefined }));
    fc.assert(
      fc.property(fc.array(step), steps => {
        const book = new KindBook(() => undefined);
        const held = new Map<string, { isStatic: boolean; objects: ObjectRef[] }>();
        for (const [key, value] of steps) {
          book.set(key, value);
          if (value === undefined) held.delete(key);
          else held.set(key, value);
        }
        const of = (isStatic: boolean) =>
          [...held.values()]
            .filter(r => r.isStatic === isStatic)
            .flatMap(r => r.objects.map(o => `${o.apiVersion}|${o.kind}`));
        const guarded = [...new Set(of(true))].sort();
        const others = [...new Set(of(false))].filter(kind => !guarded.includes(kind)).sort();
        expect(book.kinds()).toEqual({ guarded, others, namespaces: guarded.length > 0 ? ["default"] : [] });
      }),
    );
  });
});
