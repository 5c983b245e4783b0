import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DependencyIndex } from "./dependencyIndex.ts";

describe("DependencyIndex", () => {
  it("counts a dependency from the moment it is added, before the render has ended", () => {
    const index = new DependencyIndex();
    index.add(index.begin("a"), "secret", "lookup");
    expect(index.dependents("secret")).toEqual([{ instance: "a", lookup: true, child: false }]);
  });

  it("keeps the former set and the new one when a render fails", () => {
    const index = new DependencyIndex();
    const first = index.begin("a");
    index.add(first, "old", "lookup");
    index.commit(first);
    index.add(index.begin("a"), "new", "lookup");
    expect(index.dependencies("a").map(dependency => dependency.object)).toEqual(["old", "new"]);
  });

  it("names the objects that nobody needs after a commit", () => {
    const index = new DependencyIndex();
    for (const instance of ["a", "b"]) {
      const draft = index.begin(instance);
      index.add(draft, "shared", "lookup");
      index.add(draft, `only-${instance}`, "child");
      index.commit(draft);
    }
    const next = index.begin("a");
    index.add(next, "other", "lookup");
    expect(index.commit(next)).toEqual(["only-a"]);
    expect(index.forget("b").sort()).toEqual(["only-b", "shared"]);
  });

  it("does not drop a looked-up object when it stops being a child", () => {
    const index = new DependencyIndex();
    const draft = index.begin("a");
    index.add(draft, "secret", "lookup");
    index.add(draft, "secret", "child");
    index.discard(draft, "secret", "child");
    index.commit(draft);
    expect(index.dependents("secret")).toEqual([{ instance: "a", lookup: true, child: false }]);
  });

  it("lets go of one role after the commit, and names the object when nobody needs it", () => {
    const index = new DependencyIndex();
    const draft = index.begin("a");
    for (const object of ["both", "child"]) index.add(draft, object, "child");
    index.add(draft, "both", "lookup");
    index.commit(draft);
    expect(index.remove("a", "both", "child")).toEqual([]);
    expect(index.remove("a", "child", "child")).toEqual(["child"]);
    expect(index.remove("a", "unknown", "child")).toEqual([]);
    expect(index.dependencies("a")).toEqual([{ object: "both", lookup: true, child: false }]);
  });

  it("agrees with a simple model under any sequence of renders", () => {
    const name = fc.constantFrom("a", "b", "c");
    const object = fc.constantFrom("1", "2", "3", "4");
    const render = fc.record({ instance: name, objects: fc.uniqueArray(object), commits: fc.boolean() });
    fc.assert(
      fc.property(fc.array(render), renders => {
        const index = new DependencyIndex();
        const model = new Map<string, Set<string>>();
        for (const { instance, objects, commits } of renders) {
          const draft = index.begin(instance);
          for (const each of objects) index.add(draft, each, "lookup");
          if (commits) index.commit(draft);
          const before = commits ? [] : (model.get(instance) ?? []);
          model.set(instance, new Set([...before, ...objects]));
        }
        for (const each of ["1", "2", "3", "4"]) {
          const expected = [...model].filter(([, set]) => set.has(each)).map(([instance]) => instance);
          expect(
            index
              .dependents(each)
              .map(dependent => dependent.instance)
              .sort(),
          ).toEqual(expected.sort());
        }
      }),
    );
  });
});
