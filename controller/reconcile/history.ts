/**
 * The history of a release: which states it had, as revisions in Secrets (contract §5).
 *
 * A revision is made when a complete run ends with other stages than the active revision has. It costs the roll nothing:
 * the status write that records the roll anyway names it as an intent, and its Secret is written behind the roll, when
 * the release has been quiet for a moment. So nothing is lost when the controller dies in between (who finds an intent
 * without a Secret renders again), nothing piles up (every name is recorded before its Secret exists), and a release
 * that rolls ten times a second does not write ten Secrets a second.
 *
 * Nothing is listed, but the history that yoke left behind (docs/decisions/0012-history.md).
 */

import { CodedError, describeError } from "../../lib/errors.ts";
import { trackedKey } from "../dynamic/tracker.ts";
import type { KubeClient } from "../kube/client.ts";
import { isKubeError } from "../kube/errors.ts";
import { type KubeObject, refOf } from "../kube/object.ts";
import type { EventRecorder } from "../observe/events.ts";
import type { Logger } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { fieldManager, type Leaves, leavesOf } from "../release/fields.ts";
import { mostRevisions, noRevision, type ReleaseRecord, type RevisionRecord } from "../release/record.ts";
import {
  activation,
  isRevisionOf,
  newRevisionName,
  type RevisionSource,
  readStages,
  revisionSecret,
  stagesDigest,
  storedDigest,
} from "../release/revision.ts";
import { inheritHistory, listInherited } from "./inheritedHistory.ts";
import type { Keyring } from "./keyring.ts";
import { listRevisionSecrets, readRevisionSecret, removeRevisionSecret, secretRef } from "./revisionSecrets.ts";

export interface HistoryContext {
  readonly client: Pick<KubeClient, "discovery" | "get" | "list" | "create" | "patch" | "delete">;
  readonly keyring: Keyring;
  readonly events: EventRecorder;
  readonly metrics: Pick<Metrics, "revisions">;
  readonly log: Pick<Logger, "warn">;
  /** Those with pending revisions. */
  readonly unwritten: Set<HistoryState>;
  now(): number;
}

/** What one process knows of a release's revisions, beside the record. */
export interface HistoryState {
  /** Digest of the active revision's stages; empty when there is none, undefined until it was looked at. */
  active: string | undefined;
  /**
   * What the active revision holds, by tracked key: how a process that has just started knows what its first render
   * changes. Only for telling; undefined once there was a complete run.
   */
  former: ReadonlyMap<string, Leaves> | undefined;
  /** Recorded as intents, their Secrets not written yet; oldest first. */
  readonly pending: PendingRevision[];
  /** Modules of the kept revisions; undefined until they were looked at. */
  sources: RevisionSource[] | undefined;
}

interface PendingRevision {
  readonly secret: KubeObject;
  /** In milliseconds of `HistoryContext.now()`. */
  readonly madeAt: number;
}

/** The release whose history it is. */
export interface Subject {
  readonly object: KubeObject;
  /** `history` is the full release name, `namespace` where its revisions are kept. */
  readonly name: { readonly history: string; readonly namespace: string };
  readonly state: { record: ReleaseRecord; readonly history: HistoryState };
}

export interface RevisionMade {
  readonly stages: readonly (readonly KubeObject[])[];
  readonly source: RevisionSource;
  /** How many are kept. */
  readonly cap: number;
}

export function emptyHistory(): HistoryState {
  return { active: undefined, former: undefined, pending: [], sources: undefined };
}

/** A release that rolls again within this time gets its revisions written later… */
const quietMs = 1_000;
/** …but not later than this. */
const longestPendingMs = 10_000;

/**
 * Before a run that may make a revision: looks what the active one holds; that of yoke, where there is no record yet.
 * Reads once per process.
 */
export async function recallHistory(context: HistoryContext, subject: Subject): Promise<void> {
  const { state } = subject;
  if (state.history.active !== undefined) return;
  await inheritHistory(context, subject);
  const { name } = state.record.revision;
  const secret = name === "" ? undefined : await readRevisionSecret(context, subject, name);
  const present = secret !== undefined && isRevisionOf(secret, subject.name.history);
  state.history.active = present ? storedDigest(secret) : "";
  state.history.former = present ? leavesByKey(secret) : undefined;
  // Deleted by somebody.
  if (!present) state.record = { ...state.record, revision: { ...state.record.revision, name: "" } };
}

function leavesByKey(secret: KubeObject): HistoryState["former"] {
  try {
    return new Map(
      readStages(secret).flatMap(stage => stage.map(object => [trackedKey(refOf(object)), leavesOf(object)])),
    );
  } catch {
    return undefined;
  }
}

/** After a complete run: what its status says of revisions. */
export async function nextRevision(
  context: HistoryContext,
  subject: Subject,
  { stages, source, cap }: RevisionMade,
): Promise<RevisionRecord> {
  const { state, name } = subject;
  const { history } = state;
  const { revision } = state.record;
  const digest = stagesDigest(stages);
  history.former = undefined;
  if (history.active === digest) return revision;
  history.active = digest;
  const made = newRevisionName();
  const { namespace, history: release } = name;
  const at = context.now();
  try {
    const key = await context.keyring.key();
    const secret = revisionSecret({ name: made, namespace, release, at, source, stages, key });
    history.pending.push({ secret, madeAt: at });
    context.unwritten.add(history);
    // Those beyond would be deleted as soon as they are written.
    if (history.pending.length > cap) history.pending.shift();
    history.sources?.unshift(source);
    return { name: made, pending: true, former: namesOf(revision) };
  } catch (error) {
    if (!(error instanceof CodedError) || isKubeError(error)) throw error;
    return { ...revision, problem: tellProblem(context, subject, error) };
  }
}

/**
 * When the pending revisions should be written: milliseconds from now, 0 for now; undefined when there are none.
 * `pressed`: others wait for a worker, and they go first.
 */
export function storeAfter({ pending }: HistoryState, now: number, pressed = false): number | undefined {
  const [oldest] = pending;
  const newest = pending.at(-1);
  if (oldest === undefined || newest === undefined) return undefined;
  const latest = oldest.madeAt + longestPendingMs;
  return Math.max(0, (pressed ? latest : Math.min(newest.madeAt + quietMs, latest)) - now);
}

/**
 * Writes the pending revisions and deletes what is beyond the cap. The record must have been written with their names.
 * Afterwards it says what there is; a history that may not be kept is a problem told there, and stops no roll.
 */
export async function storeRevisions(context: HistoryContext, subject: Subject, cap: number): Promise<void> {
  const { state } = subject;
  const lost = new Set<string>();
  let problem: string | undefined;
  for (let next = state.history.pending[0]; next !== undefined; next = state.history.pending[0]) {
    try {
      await context.client.create(next.secret, { fieldManager });
      context.metrics.revisions.inc({ result: "written" });
    } catch (error) {
      if (!isKubeError(error) || retried(error)) throw error;
      // Ours: the answer to the first attempt was lost.
      if (error.code !== "KUBE_ALREADY_EXISTS") {
        problem = tellProblem(context, subject, error);
        lost.add(next.secret.metadata.name);
        context.metrics.revisions.inc({ result: "refused" });
      }
    }
    state.history.pending.shift();
  }
  context.unwritten.delete(state.history);
  const names = namesOf(state.record.revision).filter(name => !lost.has(name));
  const left = await trim(context, subject, names.slice(cap));
  const [name = "", ...former] = [...names.slice(0, cap), ...left];
  const revision = { name, pending: false, former, ...(problem === undefined ? {} : { problem }) };
  state.record = { ...state.record, revision };
}

/** At a stop: writes what waits for a quiet moment, so that the next process finds the intents carried out. */
export async function flushHistory({
  client,
  metrics,
  log,
  unwritten,
}: Pick<HistoryContext, "client" | "metrics" | "log" | "unwritten">): Promise<void> {
  const waiting = [...unwritten].flatMap(({ pending }) => pending.splice(0));
  unwritten.clear();
  const writeNext = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { secret } = next;
      try {
        await client.create(secret, { fieldManager });
        metrics.revisions.inc({ result: "written" });
      } catch (error) {
        const revision = secret.metadata.name;
        log.warn({ revision, error: describeError(error) }, "a revision is left to the next start");
      }
    }
  };
  await Promise.all(Array.from({ length: flushedAtOnce }, writeNext));
}

const flushedAtOnce = 8;

/**
 * After a start: whether the intent that an earlier process recorded was carried out. False when it was not, and the
 * stages are lost until the next render.
 */
export async function resumeRevision(context: HistoryContext, subject: Subject): Promise<boolean> {
  const { record, history } = subject.state;
  if (!record.revision.pending || history.pending.length > 0) return true;
  const found = await readRevisionSecret(context, subject, record.revision.name, { metadataOnly: true });
  const revision = { ...record.revision, pending: false, ...(found === undefined ? { name: "" } : {}) };
  subject.state.record = { ...record, revision };
  return found !== undefined;
}

/** Makes a kept revision the active one, after it was applied. */
export async function activateRevision(
  context: HistoryContext,
  subject: Subject,
  name: string,
  stages: RevisionMade["stages"],
): Promise<RevisionRecord> {
  const { record, history } = subject.state;
  history.active = stagesDigest(stages);
  history.sources = undefined;
  const { problem: _, ...revision } = record.revision;
  if (revision.name === name) return revision;
  const patch = activation(context.now());
  const pending = activatePending(history, name, patch);
  if (!pending) {
    await context.client.patch(secretRef(subject, name), patch, { type: "merge", fieldManager });
  }
  return { name, pending, former: namesOf(revision).filter(other => other !== name) };
}

/** One whose Secret is not written yet is changed here; false when there is none of that name. */
function activatePending(
  { pending }: HistoryState,
  name: string,
  { metadata }: ReturnType<typeof activation>,
): boolean {
  const at = pending.findIndex(({ secret }) => secret.metadata.name === name);
  const found = pending[at];
  if (found === undefined) return false;
  const annotations = { ...found.secret.metadata.annotations, ...metadata.annotations };
  pending[at] = { ...found, secret: { ...found.secret, metadata: { ...found.secret.metadata, annotations } } };
  return true;
}

/** When the release goes. Fails as long as a revision is left. */
export async function removeHistory(context: HistoryContext, subject: Subject): Promise<void> {
  const { record, history } = subject.state;
  const known = namesOf(record.revision);
  const unknown =
    known.length > mostRevisions ? await listRevisionSecrets(context, subject) : await listInherited(context, subject);
  for (const name of new Set([...known, ...unknown.map(({ metadata }) => metadata.name)])) {
    await removeRevisionSecret(context, subject, name);
  }
  history.pending.length = 0;
  context.unwritten.delete(history);
  subject.state.record = { ...record, revision: noRevision };
}

/** Active first. */
export function namesOf({ name, former }: RevisionRecord): string[] {
  return name === "" ? [...former] : [name, ...former];
}

/** That of a revision which is named already and not written yet. */
export function pendingSecret({ pending }: HistoryState, name: string): KubeObject | undefined {
  return pending.find(({ secret }) => secret.metadata.name === name)?.secret;
}

/** Returns what could not be deleted: it is tried again with the next revision. */
async function trim(context: HistoryContext, subject: Subject, names: readonly string[]): Promise<string[]> {
  const left: string[] = [];
  for (const name of names) {
    try {
      await removeRevisionSecret(context, subject, name);
    } catch (error) {
      if (!isKubeError(error) || retried(error)) throw error;
      context.log.warn({ revision: name, error: error.message }, "an old revision was not deleted");
      left.push(name);
    }
  }
  return left;
}

/** Whether the same request may succeed in a moment; the run fails and is repeated then. */
function retried(error: unknown): boolean {
  return !isKubeError(error, "KUBE_FORBIDDEN", "KUBE_INVALID", "KUBE_NOT_FOUND", "KUBE_ALREADY_EXISTS");
}

function tellProblem(context: HistoryContext, { object }: Subject, error: CodedError): string {
  const problem = `this state is not kept in the history: ${error.message} (${error.code})`;
  context.events.record(object, { type: "Warning", reason: "HistoryNotKept", action: "Record", note: problem });
  return problem;
}
