/**
 * Rollback: an owner that names one of its revisions in an annotation gets the objects of that revision instead of a
 * render, for as long as the annotation is there.
 *
 * A revision is input of a release, not its owner: only what this controller stored for this very release is taken, and
 * its objects pass the same rules as a flight's output.
 */

import { type KubeObject, type ObjectRef, refOf } from "../kube/object.ts";
import { readRecord } from "../release/record.ts";
import { isAuthentic, isRevisionName, isRevisionOf, readStages } from "../release/revision.ts";
import { reconcileErrors } from "./errors.ts";
import { type HistoryContext, namesOf, pendingSecret, type Subject, secretRef } from "./history.ts";

export const revisionAnnotation = "atc.yoke.cd/revision";

/** The revision that the owner asks for. */
export function pinnedRevision(owner: KubeObject): string | undefined {
  return owner.metadata.annotations?.[revisionAnnotation] || undefined;
}

/**
 * The stages of a kept revision, not yet made this release's again.
 *
 * @throws RELEASE_REVISION_UNKNOWN, RELEASE_REVISION_FORGED, RELEASE_REVISION_UNREADABLE
 */
export async function revisionStages(
  context: Pick<HistoryContext, "client" | "keyring">,
  subject: Pick<Subject, "name" | "state">,
  revision: string,
): Promise<KubeObject[][]> {
  const { name, state } = subject;
  const secret = pendingSecret(state.history, revision) ?? (await find(context, subject, revision));
  if (secret === undefined) {
    throw reconcileErrors.RELEASE_REVISION_UNKNOWN({ revision, known: namesOf(state.record.revision) });
  }
  return authentic(context, name, secret);
}

/** Tells what releases want, to whom does not render them: what static mode holds a change against. On any replica. */
export interface WantedReader {
  /**
   * The object as the active revision of the owner's release has it; undefined when it has none of this API version,
   * or there is no revision yet.
   *
   * @throws RELEASE_REVISION_FORGED, RELEASE_REVISION_UNREADABLE, and KUBE_… while it cannot be read
   */
  wanted(owner: KubeObject, name: Subject["name"], ref: ObjectRef): Promise<KubeObject | undefined>;
}

/** Revisions do not change, so what was read stays; of so many releases. */
const mostRead = 64;

export function createWantedReader(context: Pick<HistoryContext, "client" | "keyring">): WantedReader {
  const known = new Map<string, KubeObject[][]>();
  const read = async (name: Subject["name"], revision: string): Promise<KubeObject[][]> => {
    const key = `${name.namespace}/${revision} ${name.history}`;
    const stages = known.get(key) ?? (await readAuthentic(context, name, revision)) ?? [];
    known.delete(key);
    if (stages.length > 0) known.set(key, stages);
    if (known.size > mostRead) for (const oldest of known.keys()) if (known.delete(oldest)) break;
    return stages;
  };
  return {
    async wanted(owner, name, ref) {
      const { revision } = readRecord(owner);
      if (revision.name === "") return undefined;
      const stages = await read(name, revision.name);
      return stages.flat().find(object => isSameRef(refOf(object), ref));
    },
  };
}

function isSameRef(a: ObjectRef, b: ObjectRef): boolean {
  return a.apiVersion === b.apiVersion && a.kind === b.kind && a.namespace === b.namespace && a.name === b.name;
}

/** undefined: there is no such revision. */
async function readAuthentic(
  context: Pick<HistoryContext, "client" | "keyring">,
  name: Subject["name"],
  revision: string,
): Promise<KubeObject[][] | undefined> {
  const secret = await find(context, { name }, revision);
  return secret === undefined ? undefined : authentic(context, name, secret);
}

async function authentic(
  { keyring }: Pick<HistoryContext, "keyring">,
  name: Subject["name"],
  secret: KubeObject,
): Promise<KubeObject[][]> {
  if (!isAuthentic(secret, name.history, await keyring.key())) {
    throw reconcileErrors.RELEASE_REVISION_FORGED({ revision: secret.metadata.name });
  }
  return readStages(secret);
}

async function find(
  { client }: Pick<HistoryContext, "client">,
  subject: Pick<Subject, "name">,
  revision: string,
): Promise<KubeObject | undefined> {
  if (!isRevisionName(revision)) return undefined;
  const secret = await client.get(secretRef(subject, revision));
  // Whether another Secret has that name is nobody's business.
  return secret !== undefined && isRevisionOf(secret, subject.name.history) ? secret : undefined;
}
