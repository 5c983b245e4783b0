/** The revisions of a release, as their Secrets and the release's record tell them. */

import type { KubeClient } from "../kube/client.ts";
import { refOf } from "../kube/object.ts";
import { describe } from "../reconcile/explain.ts";
import { namesOf } from "../reconcile/history.ts";
import { secretRef } from "../reconcile/revisionSecrets.ts";
import { isRevisionOf, type Revision, readRevision } from "../release/revision.ts";
import { errors } from "./errors.ts";
import type { Release } from "./release.ts";

export interface KeptRevision extends Revision {
  /** Counted by age: 1 is the oldest that is kept. */
  readonly number: number;
  readonly active: boolean;
}

/** The latest first. What is recorded and not written yet, or deleted by somebody, is not there. */
export async function keptRevisions(client: KubeClient, { name, record }: Release): Promise<KeptRevision[]> {
  const found = await Promise.all(
    namesOf(record.revision).map(revision => client.get(secretRef({ name }, revision), { metadataOnly: true })),
  );
  const revisions = found
    .filter(secret => secret !== undefined)
    .filter(secret => isRevisionOf(secret, name.history))
    .map(readRevision)
    .sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
  return revisions
    .map((revision, at) => ({ ...revision, number: at + 1, active: revision.name === record.revision.name }))
    .reverse();
}

/**
 * @param wanted its number or its name
 * @throws CLI_REVISION_UNKNOWN
 */
export function revisionCalled(revisions: readonly KeptRevision[], wanted: string, { owner }: Release): KeptRevision {
  const found = revisions.find(({ number, name }) => name === wanted || String(number) === wanted);
  if (found !== undefined) return found;
  const known = revisions.map(({ number, name }) => `${number} (${name})`);
  throw errors.CLI_REVISION_UNKNOWN({ object: describe(refOf(owner)), revision: wanted, known });
}
