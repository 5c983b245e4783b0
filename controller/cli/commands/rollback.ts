/** `atc rollback`: puts a release back to one of its revisions and keeps it there, or lets it go on. */

import { refOf } from "../../kube/object.ts";
import { describe } from "../../reconcile/explain.ts";
import { pinnedRevision } from "../../reconcile/rollback.ts";
import { revisionAnnotation } from "../../release/revision.ts";
import type { Answer } from "../answer.ts";
import { changesData, changesText } from "../changesText.ts";
import type { Cluster } from "../cluster.ts";
import { errors } from "../errors.ts";
import { plainRef } from "../format.ts";
import { type KeptRevision, keptRevisions, revisionCalled } from "../history.ts";
import { findRelease, parseName, type Release } from "../release.ts";
import { changesByRevision } from "./diff.ts";

export interface RollbackOptions {
  readonly undo: boolean;
  /** Shows what is going to happen, and asks. */
  confirm(preview: string, question: string): Promise<boolean>;
}

const fieldManager = "atc";

/** @param words the object, and the number or name of a revision; without it the one before the active is meant */
export async function rollback(cluster: Cluster, words: readonly string[], options: RollbackOptions): Promise<Answer> {
  const { rest, ...named } = parseName(words);
  const [wanted, ...more] = rest;
  if (more.length > 0 || (options.undo && wanted !== undefined)) {
    throw errors.CLI_USAGE({ problem: `"${rest.join(" ")}" is not expected` });
  }
  const release = await findRelease(cluster, named);
  if (options.undo) return undo(cluster, release);
  const owner = describe(refOf(release.owner));
  const target = targetOf(await keptRevisions(cluster.client, release), wanted, release);
  const changes = await changesByRevision(cluster, release, target);
  const preview = changes.length === 0 ? "Nothing would change now." : changesText(changes);
  const question = `Put ${owner} back to revision ${target.name}, and keep it there?`;
  if (!(await options.confirm(preview, question))) throw errors.CLI_NOT_CONFIRMED({});
  await annotate(cluster, release, target.name);
  const { type, owner: object } = release;
  const where = type.namespaced ? ` -n ${object.metadata.namespace}` : "";
  const command = `atc rollback ${type.plural}.${type.group}/${object.metadata.name}${where} --undo`;
  return {
    data: { owner: plainRef(refOf(release.owner)), revision: target.name, changes: changesData(changes) },
    text: `${owner} is pinned to revision ${target.name}: it is not rendered until \`${command}\`.`,
  };
}

async function undo(cluster: Cluster, release: Release): Promise<Answer> {
  const owner = describe(refOf(release.owner));
  const data = { owner: plainRef(refOf(release.owner)) };
  const pinned = pinnedRevision(release.owner);
  if (pinned === undefined) return { data, text: `${owner} is not pinned to a revision.` };
  await annotate(cluster, release, null);
  return { data, text: `${owner} is not pinned to revision ${pinned} any more: it is rendered again.` };
}

function targetOf(revisions: readonly KeptRevision[], wanted: string | undefined, release: Release): KeptRevision {
  if (wanted !== undefined) return revisionCalled(revisions, wanted, release);
  const { former } = release.record.revision;
  const before = former.flatMap(name => revisions.find(revision => revision.name === name) ?? []);
  const [last] = before;
  if (last === undefined) throw errors.CLI_NOTHING_BEFORE({ object: describe(refOf(release.owner)) });
  return last;
}

async function annotate({ client }: Cluster, { owner }: Release, revision: string | null): Promise<void> {
  const patch = { metadata: { annotations: { [revisionAnnotation]: revision } } };
  await client.patch(refOf(owner), patch, { type: "merge", fieldManager });
}
