/**
 * Rollback: an owner that names one of its revisions in an annotation gets the objects of that revision instead of a
 * render, for as long as the annotation is there.
 *
 * A revision is input of a release, not its owner: only what this controller stored for this very release is taken, and
 * its objects pass the same rules as a flight's output.
 */

import type { KubeObject } from "../kube/object.ts";
import { isAuthentic, isRevisionName, isRevisionOf, readStages } from "../release/revision.ts";
import { reconcileErrors } from "./errors.ts";
import { type HistoryContext, namesOf, type Subject, secretRef } from "./history.ts";

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
  const unwritten = state.history.pending.find(({ secret }) => secret.metadata.name === revision)?.secret;
  const secret = unwritten ?? (await find(context, subject, revision));
  if (secret === undefined) {
    throw reconcileErrors.RELEASE_REVISION_UNKNOWN({ revision, known: namesOf(state.record.revision) });
  }
  const key = await context.keyring.key();
  if (!isAuthentic(secret, name.history, key)) throw reconcileErrors.RELEASE_REVISION_FORGED({ revision });
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
