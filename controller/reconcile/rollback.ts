/**
 * Rollback: an owner that names one of its revisions in an annotation gets the objects of that revision instead of a
 * render, for as long as the annotation is there.
 *
 * A revision is input of a release, not its owner: only what this controller stored for this very release is taken, and
 * its objects pass the same rules as a flight's output.
 */

import type { KubeObject } from "../kube/object.ts";
import { readRecord } from "../release/record.ts";
import { isAuthentic, isRevisionName, isRevisionOf, readStages, revisionAnnotation } from "../release/revision.ts";
import { reconcileErrors } from "./errors.ts";
import { type HistoryContext, namesOf, pendingSecret, type Subject } from "./history.ts";
import { secretRef } from "./revisionSecrets.ts";

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
  if (!isAuthentic(secret, name.history, await context.keyring.key())) {
    throw reconcileErrors.RELEASE_REVISION_FORGED({ revision });
  }
  return readStages(secret);
}

/**
 * For a review, which does not render what is not going to be rendered: whether the release has the revision that it asks
 * for, as far as its status tells.
 *
 * @throws RELEASE_REVISION_UNKNOWN
 */
export function checkPinned(owner: KubeObject, revision: string): void {
  const known = namesOf(readRecord(owner).revision);
  if (!known.includes(revision)) throw reconcileErrors.RELEASE_REVISION_UNKNOWN({ revision, known });
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
