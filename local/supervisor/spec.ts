/** What a service is: declared by the infra program, made concrete by the supervisor. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { localErrors } from "../errors.ts";
import { statePaths } from "../state.ts";

const dnsLabel = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, "a DNS label");
const name = z.string().regex(/^[a-z][a-z0-9-]{0,40}$/, "lower-case letters, digits and dashes");

/**
 * A service as declared. In `args`, in the values of `env` and in `ready.url`, `{state}` stands for the state folder,
 * `{login}` for the kubeconfig of `account` and `{port:NAME}` for the number of a port, so that a declaration holds
 * nothing of this machine.
 */
export const serviceSpecSchema = z.strictObject({
  name,
  /** A program on PATH; `node` is the Node that runs the supervisor. */
  command: z.string().min(1),
  args: z.array(z.string()),
  env: z.record(z.string(), z.string()),
  /** The ServiceAccount as which the service logs in to the cluster; it must be there. */
  account: z.strictObject({ namespace: dnsLabel, name: dnsLabel }).optional(),
  /** Ports on 127.0.0.1: a number that the user has fixed, or "auto" for a free one that is then kept. */
  ports: z.record(name, z.union([z.literal("auto"), z.int().min(1).max(65_535)])),
  ready: z.strictObject({
    /** Answers 2xx when the service is ready. */
    url: z.string().startsWith("http://127.0.0.1:"),
    timeoutSeconds: z.number().positive().default(60),
    /** A field of the answer's JSON that names the service's data: another value, and the data is gone. */
    instanceField: z.string().optional(),
  }),
  /** A hash of the code that the service runs; another one restarts it. */
  digest: z.string().optional(),
  /** From SIGTERM to SIGKILL. */
  stopSeconds: z.number().nonnegative().default(10),
});

export type ServiceSpec = z.infer<typeof serviceSpecSchema>;
export type Account = NonNullable<ServiceSpec["account"]>;
export type ServiceDeclaration = z.input<typeof serviceSpecSchema>;

/** @throws LOCAL_SPEC_INVALID, naming each field */
export function parseServiceSpec(value: unknown): ServiceSpec {
  const parsed = serviceSpecSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(issue => `${issue.path.join(".") || "(all)"}: ${issue.message}`).join("; ");
  throw localErrors.LOCAL_SPEC_INVALID({ problems });
}

export type Ports = Readonly<Record<string, number>>;

/** A service with nothing left to choose. */
export interface ConcreteService {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly account?: Account | undefined;
  readonly ports: Ports;
  readonly ready: ServiceSpec["ready"];
  readonly stopSeconds: number;
  /** Of all that makes a running process outdated when it changes. */
  readonly hash: string;
}

/** @throws LOCAL_SPEC_INVALID for a placeholder of an unknown port, or of a login without an account */
export function makeConcrete(
  spec: ServiceSpec,
  { stateDir, ports }: { stateDir: string; ports: Ports },
): ConcreteService {
  const login = () => {
    if (spec.account !== undefined) return statePaths.login(stateDir, spec.account);
    throw localErrors.LOCAL_SPEC_INVALID({ problems: "{login} is the kubeconfig of an account, and there is none" });
  };
  const fill = (text: string) =>
    text
      .replaceAll("{state}", stateDir)
      .replaceAll("{login}", login)
      .replaceAll(/\{port:([a-z0-9-]+)\}/g, (_, port: string) => {
        const number = ports[port];
        if (number === undefined) throw localErrors.LOCAL_SPEC_INVALID({ problems: `{port:${port}} is not in ports` });
        return String(number);
      });
  const args = spec.args.map(fill);
  const env = Object.fromEntries(Object.entries(spec.env).map(([key, value]) => [key, fill(value)]));
  const hash = createHash("sha256")
    .update(JSON.stringify([spec.command, args, Object.entries(env).sort(), spec.digest ?? ""]))
    .digest("hex");
  return {
    name: spec.name,
    command: spec.command,
    args,
    env,
    account: spec.account,
    ports,
    ready: { ...spec.ready, url: fill(spec.ready.url) },
    stopSeconds: spec.stopSeconds,
    hash,
  };
}

/** What `service up` prints: equal for equal declarations of a service that has kept its data. */
export interface ServiceFacts {
  readonly name: string;
  /** http://127.0.0.1:PORT */
  readonly address: string;
  readonly ports: Ports;
  /** Names the service's data (see `instanceField`); empty for a service that holds none. */
  readonly instance: string;
}

export function factsOf(service: ConcreteService, instance: string): ServiceFacts {
  return { name: service.name, address: new URL(service.ready.url).origin, ports: service.ports, instance };
}
