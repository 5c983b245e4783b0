/** What Airways, Flights and ClusterFlights say alike of how a flight is run (contract §1.1, §1.2). */
import { z } from "zod";
import { accountPattern } from "./account.ts";
import { parseDuration } from "./duration.ts";
import { errors } from "./errors.ts";
import { type Matcher, parseMatcher } from "./matcher.ts";

export interface Execution {
  /** Plain HTTP or unverified TLS towards an OCI registry. */
  insecure: boolean;
  clusterAccess: boolean;
  resourceAccessMatchers: Matcher[];
  /** Absent: no re-run. */
  fixDriftIntervalMs?: number;
  /** Absent: none. */
  minRollIntervalMs?: number;
  /** undefined: no limit. */
  timeoutMs: number | undefined;
  maxMemoryMib: number;
  /** Revisions kept per release; Infinity is unlimited. */
  historyCapSize: number;
  skipAdmissionWebhook: boolean;
  prune: { crds: boolean; namespaces: boolean };
  /** See `accountOf`. Absent: the controller's own rights count. */
  serviceAccountName?: string;
}

const defaultTimeoutMs = 10_000;
/** 65536 wasm pages of 64 KiB: all that 32 bits can address. */
const largestMemoryMib = 4096;
const defaultHistoryCap = 2;

export const text = z.string().min(1, "must not be empty");
const flag = z.boolean().default(false);

export const executionShape = z.looseObject({
  fixDriftInterval: z.string().optional(),
  minRollInterval: z.string().optional(),
  clusterAccess: flag,
  resourceAccessMatchers: z.array(z.string()).default([]),
  insecure: flag,
  skipAdmissionWebhook: flag,
  historyCapSize: z.int().default(0),
  prune: z.looseObject({ crds: flag, namespaces: flag }).prefault({}),
  maxMemoryMib: z.int().min(0).default(0),
  timeout: z.string().optional(),
  serviceAccountName: z.string().regex(new RegExp(accountPattern), "is not [<namespace>/]<name>").optional(),
});

/**
 * @param of for messages, such as `Airway backends.examples.com`
 * @throws AIRWAY_FIELD_INVALID
 */
export function parseSpec<Shape extends z.ZodType>(of: string, shape: Shape, spec: unknown): z.output<Shape> {
  const parsed = shape.safeParse(spec);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = (issue?.path ?? []).map(step => (typeof step === "number" ? `[${step}]` : `.${String(step)}`)).join("");
  throw errors.AIRWAY_FIELD_INVALID({ of, path: `spec${path}`, problem: issue?.message ?? "is not valid" });
}

/**
 * Cluster-scoped owners have no namespace that an account could be in; a Flight's writer has a say in its own alone.
 *
 * @throws AIRWAY_FIELD_INVALID
 */
export function checkAccount(of: string, account: string | undefined, form: "with" | "without" | "either"): void {
  if (account === undefined || form === "either" || account.includes("/") === (form === "with")) return;
  const problem = form === "with" ? "must be <namespace>/<name>" : "must be a name in the namespace of the Flight";
  throw errors.AIRWAY_FIELD_INVALID({ of, path: "spec.serviceAccountName", problem });
}

/** @throws AIRWAY_DURATION_INVALID */
export function executionOf(of: string, spec: z.output<typeof executionShape>): Execution {
  const driftMs = duration(of, "spec.fixDriftInterval", spec.fixDriftInterval);
  const rollMs = duration(of, "spec.minRollInterval", spec.minRollInterval);
  return {
    insecure: spec.insecure,
    clusterAccess: spec.clusterAccess,
    resourceAccessMatchers: spec.resourceAccessMatchers.map(parseMatcher),
    ...(driftMs > 0 ? { fixDriftIntervalMs: driftMs } : {}),
    ...(rollMs > 0 ? { minRollIntervalMs: rollMs } : {}),
    timeoutMs: timeout(duration(of, "spec.timeout", spec.timeout)),
    maxMemoryMib: spec.maxMemoryMib === 0 ? largestMemoryMib : Math.min(spec.maxMemoryMib, largestMemoryMib),
    historyCapSize: historyCap(spec.historyCapSize),
    skipAdmissionWebhook: spec.skipAdmissionWebhook,
    prune: { crds: spec.prune.crds, namespaces: spec.prune.namespaces },
    ...(spec.serviceAccountName === undefined ? {} : { serviceAccountName: spec.serviceAccountName }),
  };
}

function duration(of: string, path: string, text: string | undefined): number {
  if (text === undefined) return 0;
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined) throw errors.AIRWAY_DURATION_INVALID({ of, path, text });
  return milliseconds;
}

function timeout(milliseconds: number): number | undefined {
  if (milliseconds < 0) return undefined;
  return milliseconds === 0 ? defaultTimeoutMs : milliseconds;
}

function historyCap(size: number): number {
  if (size < 0) return Number.POSITIVE_INFINITY;
  return size === 0 ? defaultHistoryCap : size;
}
