import { describe, expect, it } from "vitest";
import type { AirwaySpec } from "../airway/spec.ts";
import { parseAirway } from "../airway/spec.ts";
import { flightModuleOf } from "../flight/loader.ts";
import type { FlightRun } from "../flight/sandbox.ts";
import { answerError } from "../kube/errors.ts";
import type { KubeObject, ObjectRef, ResourceType } from "../kube/object.ts";
import { dryRun } from "./dryRun.ts";
import { instanceReleaseName, instanceReleaseSpec } from "./releaseSpec.ts";

const type: ResourceType = {
  ...{ group: "x", version: "v1", apiVersion: "x/v1", kind: "Thing", plural: "things", namespaced: true },
};
const object: KubeObject = {
  apiVersion: "x/v1",
  kind: "Thing",
  metadata: { name: "one", namespace: "default", uid: "u" },
};
const own = "default/x.Thing.default.one";

function airway(): AirwaySpec {
  const versions = [{ name: "v1", served: true, storage: true }];
  const template = { group: "x", names: { kind: "Thing", plural: "things" }, scope: "Cluster", versions };
  const spec = { wasmUrls: { flight: "configmap://a/b/c" }, clusterAccess: true, template };
  return parseAirway({ apiVersion: "yoke.cd/v1alpha1", kind: "Airway", metadata: { name: "things.x" }, spec });
}

interface World {
  /** What the flight prints, as stages. */
  readonly output: unknown;
  readonly live?: Readonly<Record<string, KubeObject>>;
  /** What the API server says to a dry-run, by name: status and message. */
  readonly refusals?: Readonly<Record<string, readonly [status: number, message: string]>>;
  readonly lookup?: { readonly kind: string; readonly name: string };
}

/** What the trial asked for, and how it ended. */
async function trial({ output, live = {}, refusals = {}, lookup }: World) {
  const tried: string[] = [];
  const clustered = ["Namespace", "CustomResourceDefinition"];
  const client = {
    discovery: {
      resolve: async (apiVersion: string, kind: string) =>
        kind === "Part" ? undefined : { ...type, apiVersion, kind, namespaced: !clustered.includes(kind) },
    },
    get: async ({ name }: ObjectRef) => live[name],
    apply: async (applied: KubeObject, options: { dryRun?: boolean; force: boolean }) => {
      expect(options).toMatchObject({ dryRun: true, force: true });
      const { name } = applied.metadata;
      tried.push(name);
      const refused = refusals[name];
      if (refused === undefined) return { object: { ...applied, metadata: { ...applied.metadata, generation: 1 } } };
      const [status, message] = refused;
      const body = JSON.stringify({ kind: "Status", status: "Failure", message });
      throw answerError({ method: "PATCH", path: `/${name}` }, { status, body });
    },
  };
  const sandbox = {
    run: async (run: FlightRun) => {
      if (lookup !== undefined) await run.lookup({ apiVersion: "v1", namespace: "default", ...lookup });
      return { exitCode: 0, stdout: JSON.stringify(output), stderr: "", milliseconds: 1 };
    },
  };
  const flight = flightModuleOf(Buffer.from("export default () => '[]'"));
  const spec = { ...instanceReleaseSpec(airway(), flight), matchers: [{ namespace: "*", groupKind: "*", name: "*" }] };
  const name = instanceReleaseName(type, { namespace: "default", name: "one" });
  const ended = await dryRun({ client, sandbox } as never, { type, name, spec, object }).then(
    () => "",
    (error: Error) => error.message,
  );
  return { tried: tried.sort(), ended };
}

const configMap = (name: string, namespace = "default") => ({
  ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace } },
});

describe("a trial render", () => {
  it("asks the API server about every object", async () => {
    expect(await trial({ output: [[configMap("a")], [configMap("b")]] })).toEqual({ tried: ["a", "b"], ended: "" });
  });

  it("tells what is wrong with all of them at once, sorted", async () => {
    const refusals = { a: [422, "a is wrong"], b: [403, "b is forbidden"], c: [404, "no such namespace"] } as const;
    const { ended } = await trial({
      output: [configMap("b"), configMap("a"), configMap("c"), configMap("d")],
      refusals,
    });
    const lines = ended.split("\n");
    expect(lines[0]).toBe("the API server refuses 3 objects:");
    expect(lines.slice(1).every(line => line.startsWith("  - "))).toBe(true);
    expect(lines.slice(1)).toEqual(lines.slice(1).toSorted());
    expect(ended).toMatch(/a is wrong[\s\S]*b is forbidden[\s\S]*no such namespace/);
  });

  it("does not judge what an earlier part of the same output makes possible", async () => {
    const crd = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "parts.x" },
      spec: { group: "x", scope: "Namespaced", names: { kind: "Part" }, versions: [{ name: "v1" }] },
    };
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "new" } };
    const part = { apiVersion: "x/v1", kind: "Part", metadata: { name: "part", namespace: "default" } };
    const output = [crd, namespace, part, configMap("inside", "new")];
    const refusals = { inside: [404, 'namespaces "new" not found'] } as const;
    expect(await trial({ output, refusals })).toEqual({ tried: ["inside", "new", "parts.x"], ended: "" });
  });

  it("does judge instances of a CRD that stays as it is", async () => {
    const crd = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "bolts.x" },
      spec: { group: "x", scope: "Namespaced", names: { kind: "Bolt" }, versions: [{ name: "v1" }] },
    };
    const bolt = { apiVersion: "x/v1", kind: "Bolt", metadata: { name: "bolt", namespace: "default" } };
    const live = { "bolts.x": { ...crd, metadata: { ...crd.metadata, generation: 1 } } };
    const refusals = { bolt: [422, "spec.size: Required value"] } as const;
    expect((await trial({ output: [crd, bolt], live, refusals })).ended).toContain("spec.size: Required value");
  });

  it("refuses what belongs to another release", async () => {
    const annotations = {
      "instance.atc.yoke.cd/release": "other",
      "instance.atc.yoke.cd/namespace": "default",
    };
    const taken = { ...configMap("taken"), metadata: { name: "taken", annotations } };
    const { ended } = await trial({ output: [configMap("taken")], live: { taken } });
    expect(ended).toContain(`expected release "${own}" but resource is already owned by "default/other"`);
  });

  it("fails as a whole when the API server is in trouble", async () => {
    const refusals = { a: [503, "try later"] } as const;
    expect((await trial({ output: [configMap("a")], refusals })).ended).toContain("the API server cannot answer");
  });

  it("lets a webhook be that cannot be tried out", async () => {
    const message = 'admission webhook "x" does not support dry run';
    expect((await trial({ output: [configMap("a")], refusals: { a: [400, message] } })).ended).toBe("");
  });

  it("tells no value of a Secret that the flight has looked up", async () => {
    const data = { password: Buffer.from("hunter2hunter2").toString("base64") };
    const secret: KubeObject = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "s", namespace: "default" },
      data,
    };
    const refusals = { a: [422, "Invalid value: hunter2hunter2"] } as const;
    const lookup = { kind: "Secret", name: "s" };
    const { ended } = await trial({ output: [configMap("a")], live: { s: secret }, refusals, lookup });
    expect(ended).toContain("Invalid value");
    expect(ended).not.toContain("hunter2");
  });
});
