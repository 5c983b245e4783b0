import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { factsOf, makeConcrete, parseServiceSpec, type ServiceDeclaration } from "./spec.ts";

const declaration: ServiceDeclaration = {
  name: "web",
  command: "node",
  args: ["server.js", "--listen=127.0.0.1:{port:http}", "--data={state}/web"],
  env: { PEER: "{port:peer}" },
  ports: { http: "auto", peer: 4000 },
  ready: { url: "http://127.0.0.1:{port:http}/ready" },
};
const where = { stateDir: "/state", ports: { http: 20_001, peer: 4000 } };
const concrete = (change: Partial<ServiceDeclaration> = {}, place = where) =>
  makeConcrete(parseServiceSpec({ ...declaration, ...change }), place);

describe("parseServiceSpec", () => {
  it("fills in the defaults", () => {
    expect(parseServiceSpec(declaration)).toMatchObject({ stopSeconds: 10, ready: { timeoutSeconds: 60 } });
  });

  it("names each wrong field", () => {
    expect(() => parseServiceSpec({ ...declaration, name: "A b", ports: { http: 70_000 }, extra: 1 })).toThrow(
      expect.objectContaining({
        code: "LOCAL_SPEC_INVALID",
        message: expect.stringMatching(/name:.*ports\.http:.*extra/),
      }),
    );
  });

  it("refuses to ask for readiness anywhere but on this host", () => {
    expect(() => parseServiceSpec({ ...declaration, ready: { url: "http://example.org/" } })).toThrow(/ready\.url/);
  });
});

describe("makeConcrete", () => {
  it("fills in ports and the state folder", () => {
    expect(concrete()).toMatchObject({
      args: ["server.js", "--listen=127.0.0.1:20001", "--data=/state/web"],
      env: { PEER: "4000" },
      ready: { url: "http://127.0.0.1:20001/ready" },
    });
  });

  it("refuses a port that is not declared", () => {
    expect(() => concrete({ args: ["{port:grpc}"] })).toThrow(/\{port:grpc\}/);
  });

  it("fills in the account's login, and refuses one without an account", () => {
    const account = { namespace: "a", name: "b" };
    const env = { KUBE: "{login}" };
    expect(concrete({ account, env }).env).toEqual({ KUBE: "/state/logins/a.b.yaml" });
    expect(() => concrete({ env })).toThrow(/\{login\}/);
  });

  it("has another hash exactly when a running process would be outdated", () => {
    const { hash } = concrete();
    expect(concrete({ args: ["other.js"] }).hash).not.toBe(hash);
    expect(concrete({ env: { PEER: "1" } }).hash).not.toBe(hash);
    expect(concrete({ digest: "new code" }).hash).not.toBe(hash);
    expect(concrete({}, { ...where, ports: { ...where.ports, http: 20_002 } }).hash).not.toBe(hash);
    expect(concrete({ stopSeconds: 1, ready: { ...declaration.ready, timeoutSeconds: 1 } }).hash).toBe(hash);
  });

  it("does not mind the order of the environment", () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string(),
          fc.string().filter(value => !value.includes("{")),
        ),
        env => {
          const reversed = Object.fromEntries(Object.entries(env).reverse());
          expect(concrete({ env: reversed }).hash).toBe(concrete({ env }).hash);
        },
      ),
    );
  });
});

describe("factsOf", () => {
  it("holds nothing that a restart after a crash changes", () => {
    expect(factsOf(concrete(), "data-1")).toEqual({
      name: "web",
      address: "http://127.0.0.1:20001",
      ports: where.ports,
      instance: "data-1",
    });
  });
});
