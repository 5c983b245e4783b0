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

import { createHash } from "node:crypto";
import { CodedError, describeError } from "../../lib/errors.ts";
import { trackedKey } from "../dynamic/tracker.ts";
import type { FlightModule } from "../flight/sandbox.ts";
import type { KubeClient } from "../kube/client.ts";
import { isKubeError } from "../kube/errors.ts";
import { type KubeObject, type ObjectRef, refOf } from "../kube/object.ts";
import { moduleErrors } from "../modules/errors.ts";
import { pinnable, shownUrl } from "../modules/url.ts";
import type { EventRecorder } from "../observe/events.ts";
import type { Logger } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { fieldManager, type Leaves, leavesOf } from "../release/fields.ts";
import { mostRevisions, noRevision, type ReleaseRecord, type RevisionRecord } from "../release/record.ts";
import {
  activation,
  byActivity,
  isRevisionOf,
  newRevisionName,
  type RevisionSource,
  readRevision,
  readStages,
  relabelling,
  revisionSecret,
  revisionSelector,
  stagesDigest,
  storedDigest,
} from "../release/revision.ts";
import type { Keyring } from "./keyring.ts";
import { releaseFinalizer } from "./owner.ts";
import type { ReleaseSpec } from "./releaseSpec.ts";

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
  if (isInherited(subject)) await inherit(context, subject);
  const { name } = state.record.revision;
  const secret = name === "" ? undefined : await read(context, subject, name);
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
  const found = await read(context, subject, record.revision.name, { metadataOnly: true });
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
  const unknown = known.length > mostRevisions ? await list(context, subject) : await listInherited(context, subject);
  for (const name of new Set([...known, ...unknown.map(({ metadata }) => metadata.name)])) {
    await remove(context, subject, name);
  }
  history.pending.length = 0;
  context.unwritten.delete(history);
  subject.state.record = { ...record, revision: noRevision };
}

/**
 * Whether the module is the one that was at this URL when the release used it last (contract §7). A checksum says that
 * this very module is meant.
 *
 * @throws MODULE_CHANGED
 */
export async function checkPin(
  context: Pick<HistoryContext, "client">,
  subject: Subject,
  spec: Pick<ReleaseSpec, "module" | "moduleUrl" | "moduleChecksum">,
): Promise<void> {
  if (spec.moduleChecksum !== undefined || !pinnable(spec.moduleUrl)) return;
  const { url, checksum } = sourceOf(spec);
  const kept = await keptSources(context, subject);
  const last = kept.find(source => source.url === url);
  if (last !== undefined && last.checksum !== checksum) throw moduleErrors.MODULE_CHANGED({ url: shownUrl(url) });
}

/** The modules that rendered the kept revisions, that of the active one first; read once per process. */
async function keptSources(
  context: Pick<HistoryContext, "client">,
  subject: Subject,
): Promise<readonly RevisionSource[]> {
  const { record, history } = subject.state;
  if (history.sources !== undefined) return history.sources;
  const names = namesOf(record.revision);
  const found = await Promise.all(
    names.map(name => pendingSecret(history, name) ?? read(context, subject, name, { metadataOnly: true })),
  );
  const kept = found
    .filter(object => object !== undefined)
    .filter(object => isRevisionOf(object, subject.name.history));
  history.sources = kept.map(object => readRevision(object).source);
  return history.sources;
}

/** The module that renders now, as revisions name it. */
export function sourceOf({ moduleUrl, module }: Pick<ReleaseSpec, "moduleUrl" | "module">): RevisionSource {
  const checksum = sha1s.get(module) ?? createHash("sha1").update(module.bytes).digest("hex");
  sha1s.set(module, checksum);
  return { url: moduleUrl, checksum };
}

/** Counted once for each module, which may have 20 MB. */
const sha1s = new WeakMap<FlightModule, string>();

/** Active first. */
export function namesOf({ name, former }: RevisionRecord): string[] {
  return name === "" ? [...former] : [name, ...former];
}

/** That of a revision which is named already and not written yet. */
export function pendingSecret({ pending }: HistoryState, name: string): KubeObject | undefined {
  return pending.find(({ secret }) => secret.metadata.name === name)?.secret;
}

export function secretRef({ name }: Pick<Subject, "name">, revision: string): ObjectRef {
  return { apiVersion: "v1", kind: "Secret", namespace: name.namespace, name: revision };
}

/** Adopted before it had a record: by yoke, whose history goes on here. */
function isInherited({ object, state: { record } }: Subject): boolean {
  const adopted = object.metadata.finalizers?.includes(releaseFinalizer) === true;
  return adopted && record.flight === "" && record.revision.name === "";
}

/** Undefined also where the right to read is missing: history then begins anew, and the write tells what is wrong. */
async function read(
  { client }: Pick<HistoryContext, "client">,
  subject: Subject,
  name: string,
  options: { metadataOnly?: boolean } = {},
): Promise<KubeObject | undefined> {
  try {
    return await client.get(secretRef(subject, name), options);
  } catch (error) {
    if (isKubeError(error, "KUBE_FORBIDDEN")) return undefined;
    throw error;
  }
}

async function inherit(context: HistoryContext, subject: Subject): Promise<void> {
  try {
    const found = await list(context, subject);
    for (const object of found) {
      const patch = relabelling(object);
      const ref = secretRef(subject, object.metadata.name);
      if (patch !== undefined) await context.client.patch(ref, patch, { type: "merge", fieldManager });
    }
    const [name = "", ...former] = byActivity(found.map(readRevision)).map(revision => revision.name);
    subject.state.record = { ...subject.state.record, revision: { name, pending: false, former } };
  } catch (error) {
    // Not to know what yoke kept is no reason not to go on from here.
    if (!isKubeError(error, "KUBE_FORBIDDEN")) throw error;
    context.log.warn({ release: subject.name.history, error: error.message }, "a former history is not looked for");
  }
}

/** What yoke kept of a release that never got so far as to go on with it. It does not keep that release from its end. */
async function listInherited(context: HistoryContext, subject: Subject): Promise<KubeObject[]> {
  if (!isInherited(subject)) return [];
  try {
    return await list(context, subject);
  } catch (error) {
    if (!isKubeError(error, "KUBE_FORBIDDEN")) throw error;
    context.log.warn({ release: subject.name.history, error: error.message }, "a former history is left behind");
    return [];
  }
}

async function list(context: HistoryContext, { name }: Subject): Promise<KubeObject[]> {
  const type = await context.client.discovery.resolve("v1", "Secret");
  if (type === undefined) return [];
  const labelSelector = revisionSelector(name.history);
  const { items } = await context.client.list(type, { namespace: name.namespace, labelSelector, metadataOnly: true });
  return items.filter(object => isRevisionOf(object, name.history));
}

/** Returns what could not be deleted: it is tried again with the next revision. */
async function trim(context: HistoryContext, subject: Subject, names: readonly string[]): Promise<string[]> {
  const left: string[] = [];
  for (const name of names) {
    try {
      await remove(context, subject, name);
    } catch (error) {
      if (!isKubeError(error) || retried(error)) throw error;
      context.log.warn({ revision: name, error: error.message }, "an old revision was not deleted");
      left.push(name);
    }
  }
  return left;
}

/** The record can be forged: only what says itself that it is a revision of this release is deleted. */
async function remove(context: HistoryContext, subject: Subject, name: string): Promise<void> {
  const ref = secretRef(subject, name);
  const found = await context.client.get(ref, { metadataOnly: true });
  if (found === undefined || !isRevisionOf(found, subject.name.history)) return;
  const { uid } = found.metadata;
  await context.client.delete(ref, uid === undefined ? {} : { uid });
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
