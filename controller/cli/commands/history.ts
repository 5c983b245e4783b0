/** `atc history`: the revisions of a release, and what made each. */

import { refOf } from "../../kube/object.ts";
import { describe } from "../../reconcile/explain.ts";
import type { Answer } from "../answer.ts";
import type { Cluster } from "../cluster.ts";
import { moment, plainRef, printable, table } from "../format.ts";
import { type KeptRevision, keptRevisions } from "../history.ts";
import { findRelease, onlyName, type Release } from "../release.ts";

export async function history(cluster: Cluster, words: readonly string[], now: number): Promise<Answer> {
  const release = await findRelease(cluster, onlyName(words));
  const revisions = await keptRevisions(cluster.client, release);
  const { problem, pending } = release.record.revision;
  const data = {
    owner: plainRef(refOf(release.owner)),
    ...(pending ? { pending: release.record.revision.name } : {}),
    ...(problem === undefined ? {} : { problem }),
    revisions: revisions.map(({ number, name, active, createdAt, activeAt, source, resources }) => {
      const cause = causeOf(release, name);
      return { number, name, active, createdAt, activeAt, source, resources, ...(cause === "" ? {} : { cause }) };
    }),
  };
  return { data, text: textOf(release, revisions, now) };
}

/** As long as the status remembers the roll. */
function causeOf({ record }: Release, revision: string): string {
  return record.rolls.findLast(roll => roll.revision === revision)?.cause ?? "";
}

function textOf(release: Release, revisions: readonly KeptRevision[], now: number): string {
  const { problem, pending, name } = release.record.revision;
  const notes = [...(pending ? [`${name} is about to be written.`] : []), ...(problem === undefined ? [] : [problem])];
  if (revisions.length === 0) return [`${describe(refOf(release.owner))} has no revisions.`, ...notes].join("\n");
  const head = ["NUMBER", "NAME", "CREATED", "OBJECTS", "MODULE", "CAUSE"];
  const rows = revisions.map(revision => [
    `${revision.number}${revision.active ? " (active)" : ""}`,
    revision.name,
    moment(revision.createdAt, now),
    String(revision.resources),
    `${revision.source.url} sha1:${revision.source.checksum.slice(0, 12)}`,
    printable(causeOf(release, revision.name)),
  ]);
  return [table(head, rows), ...notes].join("\n");
}
