/**
 * What a candidate makes of the Lease that says who leads: what it has seen, and its next step. Pure.
 *
 * As in client-go's leader election, the times in the Lease are for people only. A candidate measures by its own clock
 * how long the Lease has not changed, so the clocks of two replicas need not agree.
 */
import type { KubeObject, ObjectRef } from "./object.ts";

/** `spec` of a `coordination.k8s.io/v1` Lease. */
export interface LeaseSpec {
  /** Absent: nobody leads. */
  readonly holderIdentity?: string | null;
  readonly leaseDurationSeconds?: number | null;
  readonly acquireTime?: string | null;
  readonly renewTime?: string | null;
  readonly leaseTransitions?: number | null;
}

export interface Candidate {
  /** Unique for each process: `<replica>_<random>`. */
  readonly identity: string;
  /** A Lease of the same replica's former process may be taken at once; see `LEADER_ID`. */
  readonly succeedsItself: boolean;
  readonly durationMs: number;
}

/** What is known of the Lease. */
export interface Observation {
  /** Empty: nobody. */
  readonly holder: string;
  readonly durationMs: number;
  /** The `spec` as text; that of the last one while there is no Lease. */
  readonly spec: string;
  /** When it was first seen like this, by the candidate's own clock. */
  readonly since: number;
}

/** Takes in a look at the Lease. One that vanished still binds for its time: its holder may not know yet. */
export function observe(former: Observation | undefined, lease: KubeObject | undefined, now: number): Observation {
  if (lease === undefined) return former ?? { holder: "", durationMs: 0, spec: "", since: now };
  const read = specOf(lease);
  const spec = JSON.stringify(read);
  if (former?.spec === spec) return former;
  const durationMs = (read.leaseDurationSeconds ?? 0) * 1000;
  return { holder: read.holderIdentity ?? "", durationMs, spec, since: now };
}

/** Whether the candidate may write itself into the Lease now. */
export function mayAcquire(seen: Observation, candidate: Candidate, now: number): boolean {
  const { holder, since, durationMs } = seen;
  if (holder === "" || holder === candidate.identity) return true;
  if (candidate.succeedsItself && replicaOf(holder) === replicaOf(candidate.identity)) return true;
  return now - since >= durationMs;
}

export function specOf(lease: KubeObject): LeaseSpec {
  return (lease["spec"] ?? {}) as LeaseSpec;
}

export function identityOf(replica: string, random: string): string {
  return `${replica}_${random}`;
}

function replicaOf(identity: string): string {
  const end = identity.lastIndexOf("_");
  return end < 0 ? identity : identity.slice(0, end);
}

/** The Lease as the candidate holds it from now on; `date` in milliseconds since the epoch. */
export function heldSpec(lease: KubeObject | undefined, candidate: Candidate, date: number): LeaseSpec {
  const former = lease === undefined ? {} : specOf(lease);
  const renewTime = microTime(date);
  const held = {
    holderIdentity: candidate.identity,
    // The API wants whole seconds; a shorter time than the holder's own would let others in too early.
    leaseDurationSeconds: Math.max(1, Math.ceil(candidate.durationMs / 1000)),
    renewTime,
  };
  if (former.holderIdentity === candidate.identity) return held;
  const first = former.leaseTransitions === undefined || former.leaseTransitions === null;
  return { ...held, acquireTime: renewTime, leaseTransitions: first ? 0 : (former.leaseTransitions ?? 0) + 1 };
}

/** The Lease as nobody's, by which whoever stands by may go on at once. */
export function releasedSpec(date: number): LeaseSpec {
  return { holderIdentity: null, leaseDurationSeconds: 1, renewTime: microTime(date) };
}

export function leaseObject({ namespace, name }: Pick<ObjectRef, "namespace" | "name">, spec: LeaseSpec): KubeObject {
  return { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name, namespace }, spec };
}

/** metav1.MicroTime wants six digits after the point. */
function microTime(date: number): string {
  return new Date(date).toISOString().replace("Z", "000Z");
}
