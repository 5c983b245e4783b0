/** What the loops share: the rooms, already wired, and the memory of each release. */

import type { Account } from "../airway/account.ts";
import type { DependencyIndex, Draft } from "../dynamic/dependencyIndex.ts";
import type { Tracker } from "../dynamic/tracker.ts";
import type { Sandbox } from "../flight/sandbox.ts";
import type { KubeClient } from "../kube/client.ts";
import type { Discovery } from "../kube/discovery.ts";
import type { WorkQueue } from "../kube/queue.ts";
import type { ModuleStore } from "../modules/store.ts";
import type { EventRecorder } from "../observe/events.ts";
import type { Logger } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Tracing } from "../observe/tracing.ts";
import type { ObjectFacts } from "../release/facts.ts";
import type { OwnerStatus } from "../release/ownerStatus.ts";
import type { Applied } from "../release/plan.ts";
import type { ReleaseRecord } from "../release/record.ts";
import type { AccessBook } from "./accesses.ts";
import type { ActiveAirway } from "./activeAirway.ts";
import type { CauseBook } from "./causes.ts";
import type { HistoryState } from "./history.ts";
import type { Paced } from "./hold.ts";
import type { Keyring } from "./keyring.ts";
import type { OwnerStore } from "./ownerStore.ts";
import type { Pace, PaceLimits } from "./pace.ts";
import type { RemovedChild } from "./removed.ts";
import type { Rights } from "./rights.ts";
import type { SecretKeys } from "./secretKeys.ts";
import type { Ready } from "./status.ts";
import type { Webhooks } from "./webhooks.ts";

/** One identity towards the API server, and what it watches: what it may not see must not come from another's watch. */
export interface Access {
  /** Absent: the controller itself. */
  readonly account?: Account | undefined;
  readonly client: KubeClient;
  readonly rights: Rights;
  readonly tracker: Tracker<ObjectFacts>;
  readonly index: DependencyIndex;
}

/** All that a render has to ask: an API server, or files that stand for one. */
export interface Source {
  readonly client: Pick<KubeClient, "get"> & { readonly discovery: Pick<Discovery, "resolve" | "preferred"> };
}

/** Where what a render looks up becomes a dependency. */
export interface Watched extends Pick<Access, "tracker" | "index"> {
  readonly draft: Draft;
}

/** What one process remembers of one release. All of it can be rebuilt from the cluster. */
export interface ReleaseState {
  record: ReleaseRecord;
  /** Inputs of the last success of this process or, after a start, of the record. */
  inputs: string;
  readonly applied: Map<string, Applied>;
  /** Children that went of late and are watched for a while, by tracked key. */
  readonly removed: Map<string, RemovedChild>;
  readonly history: HistoryState;
  /** Of the Secrets that the last render looked up, by tracked key. */
  secretKeys: ReadonlyMap<string, SecretKeys>;
  /** When the last complete run ended, in milliseconds of `context.now()`; for the drift interval. */
  lastRun: number;
  /** How often it rendered of late. */
  pace: Pace;
  /** Why it renders less often than it is called upon; undefined: it does not. */
  paced: Paced | undefined;
  /** Why the last render could not be used; a release that is held back says so still. */
  problem: Ready | undefined;
  /** The owner's part of the inputs that were rendered last, whatever became of it (`ownerPart`). */
  tried: string;
  /** Where its dependencies are held. */
  access: Access;
}

export interface Untold {
  /** What the flight said in that roll. */
  readonly stated: OwnerStatus | "nothing";
  /** At a stop, when no run will do it. */
  tell(): Promise<unknown>;
}

/** The access is the controller's own. */
export interface Context extends Access {
  readonly accesses: AccessBook;
  readonly sandbox: Sandbox;
  readonly modules: ModuleStore;
  readonly queue: WorkQueue;
  readonly events: EventRecorder;
  readonly metrics: Metrics;
  /** Absent: nobody wants traces. */
  readonly tracing?: Tracing;
  readonly log: Logger;
  readonly causes: CauseBook;
  /** Absent: the API server has no way to this controller. */
  readonly webhooks?: Webhooks;
  readonly airways: Map<string, ActiveAirway>;
  /** Flights and ClusterFlights, by kind. */
  readonly flights: Map<string, OwnerStore>;
  readonly states: Map<string, Promise<ReleaseState>>;
  readonly paceLimits: PaceLimits;
  /** Keys of the releases whose breaker is open. */
  readonly spinning: Set<string>;
  /** Whether this replica may write; one that stands by only watches. */
  leads(): boolean;
  readonly keyring: Keyring;
  /** See `HistoryContext`. */
  readonly unwritten: Set<HistoryState>;
  /** Statuses of rolls that wait until the rolls of others are done, by key. */
  readonly untold: Map<string, Untold>;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** Forgets the dependencies of one key and closes the watches that nobody needs any more. */
export function forgetDependencies(access: Pick<Access, "index" | "tracker">, key: string): void {
  for (const orphan of access.index.forget(key)) access.tracker.untrack(orphan);
}

/** All that own releases. */
export function ownerStores({ airways, flights }: Pick<Context, "airways" | "flights">): OwnerStore[] {
  return [...[...airways.values()].map(({ instances }) => instances), ...flights.values()];
}
