import fc from "fast-check";
import { expect, test } from "vitest";
import * as z from "zod";
import {
  ConfigMap,
  defineFlight,
  defineProgram,
  fail,
  hash,
  LookupError,
  lookup,
  Namespace,
  resource,
  restMapping,
  Secret,
  stages,
} from "./index.ts";
import { entryOf } from "./run.ts";
import { render, renderProgram } from "./testing.ts";

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
    withStatus: expect.any(Function),
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

test("a kind is mapped in its group, in any version or in one; where there is none, the answer is none", () => {
  const deployment = { group: "apps", version: "v1", kind: "Deployment", resource: "deployments", namespaced: true };
  const pod = { group: "", version: "v1", kind: "Pod", resource: "pods", namespaced: true };
  let found: unknown;
  const flight = flightOf(() => {
    found = [
      restMapping("apps", "Deployment"),
      restMapping("apps/v1", "Deployment")?.resource,
      restMapping("apps/v2", "Deployment"),
      restMapping("v1", "Pod")?.resource,
      restMapping("", "Pod")?.namespaced,
      restMapping("monitoring.coreos.com", "ServiceMonitor"),
    ];
    return [];
  });
  render(flight, instance, { mappings: [deployment, pod] });
  expect(found).toEqual([deployment, "deployments", undefined, "pods", true, undefined]);
});

test("a flight returns its instance with a status of the type that it declares", () => {
  const flight = defineFlight({
    group: "example.com",
    kind: "Test",
    spec: z.object({}),
    status: z.object({ ready: z.int().optional() }),
    render: ({ withStatus }) => [
      withStatus({ ready: 1, conditions: [{ type: "Warm", status: "True", reason: "Sun", message: "" }] }),
      // @ts-expect-error: no such field
      withStatus({ redy: 1 }),
    ],
  });
  const status = { ready: 1, conditions: [{ type: "Warm", status: "True", reason: "Sun", message: "" }] };
  expect(render(flight, instance).resources[0]).toEqual({
    apiVersion: "example.com/v1",
    kind: "Test",
    metadata: { name: "one", namespace: "shop" },
    status,
  });
  const clusterScoped = { ...instance, metadata: { name: "one" } };
  expect(render(flight, clusterScoped).resources[0]?.metadata).toEqual({ name: "one" });
});

test("a flight that fails says why, and may still give a status", () => {
  const failing = (status: boolean) =>
    defineFlight({
      group: "example.com",
      kind: "Test",
      spec: z.object({}),
      status: z.object({ msg: z.string() }),
      render: ({ withStatus }) => fail("replicas must be odd", status ? withStatus({ msg: "waiting" }) : undefined),
    });
  expect(() => render(failing(true), instance)).toThrow("replicas must be odd");
  const call = {
    stdin: JSON.stringify(instance),
    args: [],
    env: {},
    lookup: () => ({ state: "not-found", message: "" }) as const,
    restMapping: () => ({ state: "not-found", message: "" }) as const,
  };
  const output = entryOf(failing(true))(call);
  expect(output).toMatchObject({ exitCode: 1, stderr: "replicas must be odd" });
  expect(typeof output === "string" ? "" : JSON.parse(output.stdout)).toMatchObject([{ status: { msg: "waiting" } }]);
  expect(entryOf(failing(false))(call)).toEqual({ exitCode: 1, stdout: "", stderr: "replicas must be odd" });
});

test("a program gets its input as it was given, or checked, and its arguments", () => {
  const raw = defineProgram({
    render: ({ input, args, release, namespace }) => [
      ConfigMap({ metadata: { name: release, namespace }, data: { input: input.trim(), args: args.join() } }),
    ],
  });
  expect(renderProgram(raw, { input: " text ", args: ["a", "b"], name: "mine" }).resources).toEqual([
    ConfigMap({ metadata: { name: "mine", namespace: "default" }, data: { input: "text", args: "a,b" } }),
  ]);
  const checked = defineProgram({
    input: z.object({ size: z.int().default(3) }),
    render: ({ input }) => [map(`size-${input.size}`)],
  });
  expect(renderProgram(checked).resources).toEqual([map("size-3")]);
  expect(renderProgram(checked, { input: { size: 4 } }).resources).toEqual([map("size-4")]);
  expect(() => renderProgram(checked, { input: { size: "x" } })).toThrow(/^input\.size: /);
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
