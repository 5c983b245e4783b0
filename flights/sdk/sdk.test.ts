import fc from "fast-check";
import { expect, test } from "vitest";
import * as z from "zod";
import { ConfigMap, defineFlight, hash, LookupError, lookup, Namespace, resource, Secret, stages } from "./index.ts";
import { render } from "./testing.ts";

const instance = { apiVersion: "example.com/v1", kind: "Test", metadata: { name: "one", namespace: "shop" }, spec: {} };

function flightOf(body: (spec: { size: number }) => ReturnType<ReturnType<typeof defineFlight>["render"]>) {
  const spec = z.object({ size: z.int().min(1).default(3) });
  return defineFlight({ group: "example.com", kind: "Test", spec, render: request => body(request.spec) });
}

const map = (name: string) => ConfigMap({ metadata: { name } });

test("a render gets names, a checked spec with defaults, the whole instance and the release", () => {
  let seen: unknown;
  const spec = z.object({ size: z.int().default(3) });
  const flight = defineFlight({
    group: "example.com",
    kind: "Test",
    spec,
    render: request => {
      seen = request;
      return [];
    },
  });
  render(flight, instance);
  expect(seen).toEqual({
    name: "one",
    namespace: "shop",
    spec: { size: 3 },
    instance,
    release: "example.com.Test.shop.one",
    env: { NAMESPACE: "shop" },
  });
});

test("a spec that does not fit is refused with its path", () => {
  const broken = { ...instance, spec: { size: 0 } };
  expect(() =>
    render(
      flightOf(() => []),
      broken,
    ),
  ).toThrow(/^spec\.size: /);
});

test("resources are one stage, stages keep their order, and what is absent is left out", () => {
  expect(
    render(
      flightOf(() => [map("a"), undefined, false, map("b")]),
      instance,
    ).stages,
  ).toEqual([[map("a"), map("b")]]);
  expect(
    render(
      flightOf(() => stages([map("a")], [map("b"), false])),
      instance,
    ).stages,
  ).toEqual([[map("a")], [map("b")]]);
  expect(
    render(
      flightOf(() => []),
      instance,
    ).stages,
  ).toEqual([[]]);
});

test("a lookup by name is in the instance's namespace; of a cluster-scoped kind in none", () => {
  const flight = flightOf(() => {
    lookup(Secret, "a");
    lookup(Secret, { name: "b", namespace: "other" });
    lookup(Namespace, "c");
    return [];
  });
  expect(render(flight, instance).lookups.map(({ namespace, name }) => `${namespace}/${name}`)).toEqual([
    "shop/a",
    "other/b",
    "/c",
  ]);
});

test("a lookup gives the object, or undefined, or an error that tells why", () => {
  const secret = Secret({ metadata: { name: "a", namespace: "shop" }, data: { k: "dg==" } });
  let found: unknown;
  const flight = flightOf(() => {
    found = [lookup(Secret, "a")?.data?.["k"], lookup(Secret, "b")];
    return [];
  });
  render(flight, instance, { objects: [secret] });
  expect(found).toEqual(["dg==", undefined]);
  const refuse = () => ({ state: "forbidden", message: "not yours" }) as const;
  expect(() => render(flight, instance, { refuse })).toThrow(LookupError);
  expect(() => render(flight, instance, { refuse })).toThrow("lookup of Secret shop/a: not yours");
});

test("lookups outside of a render are refused, also after one that failed", () => {
  const failing = flightOf(() => {
    throw new Error("no");
  });
  expect(() => render(failing, instance)).toThrow("no");
  expect(() => lookup(Secret, "a")).toThrow("inside of render()");
});

test("a kind makes objects of any API", () => {
  const Widget = resource("example.com/v1", "Widget");
  expect(Widget({ metadata: { name: "w" } })).toEqual({
    apiVersion: "example.com/v1",
    kind: "Widget",
    metadata: { name: "w" },
  });
});

test("a hash is stable over the order of keys, differs with values, and fits a label", () => {
  expect(hash({ a: "1", b: "2" })).toBe(hash({ b: "2", a: "1" }));
  expect(hash({ a: "1" })).not.toBe(hash({ a: "2" }));
  expect(hash({ a: "1", b: undefined })).toBe(hash({ a: "1" }));
  expect(hash({ hello: "d29ybGQ=" })).toBe("ce9a33cfca587b4b7c22633ca27d512b");
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      expect(hash(a)).toMatch(/^[0-9a-f]{32}$/);
      expect(hash(JSON.parse(JSON.stringify(a)))).toBe(hash(a));
      const same = hash(a) === hash(b);
      expect(same).toBe(hash([a]) === hash([b]));
    }),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.string({ unit: "binary" })), data => {
      const reversed = Object.fromEntries(Object.entries(data).reverse());
      expect(hash(reversed)).toBe(hash(data));
    }),
  );
});
