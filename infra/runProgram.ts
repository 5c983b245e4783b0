/** Runs the whole program under Pulumi's mocks and tells what it registered, for tests. */
import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks.js";
import { vi } from "vitest";
import { parse } from "yaml";
import { fromRoot } from "./paths.ts";

/** One resource as the engine would have been told of it. */
export interface Registered {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
  /** Names of the resources that it depends on, by an option or by an input. */
  readonly dependencies: readonly string[];
  /** The same as URNs. */
  readonly urns: readonly string[];
  /** Name of the resource whose end is its end. */
  readonly deletedWith: string;
  readonly provider: string;
  readonly deleteBeforeReplace: boolean;
  readonly retainOnDelete: boolean;
  readonly replacementTrigger: unknown;
  readonly additionalSecretOutputs: readonly string[];
}

export interface ProgramRun {
  readonly resources: readonly Registered[];
  resource(name: string): Registered;
  readonly outputs: Readonly<Record<string, pulumi.Output<unknown>>>;
}

type Config = Readonly<Record<string, string>>;
type Row = { readonly default?: string | number };

const healthy = { generation: 1, state: "healthy", problem: "" };

/** What the substrates' commands answer. */
const answers = {
  probe: JSON.stringify({
    cluster: { ...healthy, createdAs: 1 },
    services: { vault: healthy, "external-secrets": healthy, controller: healthy },
    absent: { generation: 7, state: "absent", problem: "" },
    identity: "1",
    health: "1",
  }),
  vaultInstance: "vault-instance-1",
  cluster: "kubeconfig-text",
  service: JSON.stringify({ name: "x", address: "http://127.0.0.1:8200", ports: { http: 8200 }, instance: "data-1" }),
};

/** Pulumi.yaml's defaults, as the engine fills them in. */
export const projectDefaults = (): Config => {
  const project = parse(readFileSync(fromRoot("Pulumi.yaml"), "utf8")) as { config: Record<string, Row> };
  return Object.fromEntries(
    Object.entries(project.config)
      .filter(([key]) => !key.startsWith("pulumi:"))
      .map(([key, row]) => [key.includes(":") ? key : `dynamic-mode:${key}`, String(row.default)]),
  );
};

export async function runProgram(config: Config): Promise<ProgramRun> {
  const own = Object.fromEntries(Object.entries(config).map(([key, value]) => [`dynamic-mode:${key}`, value]));
  await pulumi.runtime.setMocks({ newResource, call }, "dynamic-mode", "test", false);
  pulumi.runtime.setAllConfig({ ...projectDefaults(), ...own });
  using requests = recordRequests();
  vi.resetModules();
  const outputs = (await import("./index.ts")) as unknown as ProgramRun["outputs"];
  await pulumi.runtime.disconnect();
  const resources = requests.all.map(registered);
  const resource = (name: string): Registered => {
    const found = resources.find(one => one.name === name && !one.type.startsWith("dynamic-mode:"));
    if (!found) throw new Error(`${name} is not among ${resources.map(one => one.name).join(", ")}`);
    return found;
  };
  return { resources, resource, outputs };
}

function newResource({ type, name, inputs }: pulumi.runtime.MockResourceArgs): pulumi.runtime.MockResourceResult {
  if (type !== "command:local:Command") return { id: `${name}-id`, state: { ...inputs, status: { revision: 1 } } };
  const isService = String(inputs["create"]).includes("service up");
  const stdout = isService
    ? answers.service
    : name === "cluster"
      ? answers.cluster
      : (inputs["environment"]?.IMAGES ?? inputs["environment"]?.IMAGE ?? "answers");
  return { id: `${name}-id`, state: { ...inputs, stdout } };
}

function call({ inputs }: pulumi.runtime.MockCallArgs): { stdout: string } {
  return { stdout: String(inputs["command"]).includes("probe") ? answers.probe : answers.vaultInstance };
}

/** What the SDK sends; source: proto/pulumi/resource.proto. */
interface Request {
  getType(): string;
  getName(): string;
  getParent(): string;
  getProvider(): string;
  getObject(): { toJavaScript(): Record<string, unknown> };
  getDependenciesList(): string[];
  getDeletedwith(): string;
  getDeletebeforereplace(): boolean;
  getRetainondelete(): boolean;
  getAdditionalsecretoutputsList(): string[];
  getReplacementTrigger(): { toJavaScript(): unknown } | undefined;
}

/** Mocks do not show a resource's options, so the requests are read on their way. */
function recordRequests(): { all: Request[]; [Symbol.dispose](): void } {
  const all: Request[] = [];
  const monitor = MockMonitor.prototype;
  const original = monitor.registerResource;
  monitor.registerResource = function (request: Request, callback: (error: unknown, response: unknown) => void) {
    if (request.getType() !== "pulumi:pulumi:Stack") all.push(request);
    return original.call(this, request, callback);
  };
  return {
    all,
    [Symbol.dispose]: () => {
      monitor.registerResource = original;
    },
  };
}

const nameOf = (urn: string): string => urn.split("::").at(-1) ?? "";

const registered = (request: Request): Registered => ({
  urn: `${request.getType()}::${request.getName()}`,
  type: request.getType(),
  name: request.getName(),
  inputs: request.getObject().toJavaScript(),
  dependencies: request.getDependenciesList().map(nameOf),
  urns: request.getDependenciesList(),
  deletedWith: nameOf(request.getDeletedwith()),
  provider: request.getProvider(),
  deleteBeforeReplace: request.getDeletebeforereplace(),
  retainOnDelete: request.getRetainondelete(),
  replacementTrigger: request.getReplacementTrigger()?.toJavaScript(),
  additionalSecretOutputs: request.getAdditionalsecretoutputsList(),
});
