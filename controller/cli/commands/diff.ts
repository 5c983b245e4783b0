/** `atc diff`: what a render now, or a revision, would change in the cluster; or how two revisions differ. */

import { type KubeObject, refOf } from "../../kube/object.ts";
import { describe } from "../../reconcile/explain.ts";
import { releaseObjects, render } from "../../reconcile/render.ts";
import { secretRef } from "../../reconcile/revisionSecrets.ts";
import { pinnedRevision } from "../../reconcile/rollback.ts";
import { readStages } from "../../release/revision.ts";
import type { Answer } from "../answer.ts";
import { type Change, changesBetween, changesOf } from "../changes.ts";
import { changesData, changesText } from "../changesText.ts";
import type { Cluster } from "../cluster.ts";
import { createCurtain } from "../curtain.ts";
import { errors } from "../errors.ts";
import { withFlights } from "../flights.ts";
import { plainRef } from "../format.ts";
import { type KeptRevision, keptRevisions, revisionCalled } from "../history.ts";
import { airwayOf, asRendered, holdingOf, renderInput } from "../owner.ts";
import { findRelease, onlyName, parseName, type Release } from "../release.ts";

/** As kubectl diff: 0 for no differences. */
const differs = 1;

/** @param compared revisions; words after the object are more of them */
export async function diff(cluster: Cluster, words: readonly string[], compared: readonly string[]): Promise<Answer> {
  const { rest, ...named } = parseName(words);
  const revisions = compared.length === 0 ? onlyName(words).rest : [...compared, ...rest];
  if (revisions.length > 2) throw errors.CLI_USAGE({ problem: "at most two revisions can be compared" });
  const release = await findRelease(cluster, named);
  const kept = revisions.length === 0 ? [] : await keptRevisions(cluster.client, release);
  const [first, second] = revisions.map(wanted => revisionCalled(kept, wanted, release));
  const changes = await (first === undefined
    ? changesByRender(cluster, release)
    : second === undefined
      ? changesByRevision(cluster, release, first)
      : changesOfRevisions(cluster, release, first, second));
  const pinned = pinnedRevision(release.owner);
  const note =
    pinned !== undefined && first === undefined
      ? [`${title(release)} is pinned to revision ${pinned}; this is what --undo of its rollback would change.`]
      : [];
  return {
    data: { owner: plainRef(refOf(release.owner)), changes: changesData(changes) },
    text: [...note, changesText(changes)].filter(part => part !== "").join("\n\n"),
    exitCode: changes.length === 0 ? 0 : differs,
  };
}

const title = ({ owner }: Release) => describe(refOf(owner));

async function changesByRender(
  { client, namespace }: Cluster,
  { type, owner, record, name }: Release,
): Promise<Change[]> {
  const airway = await airwayOf({ client }, type);
  const rendered = await asRendered({ client }, owner, airway);
  return withFlights(async flights => {
    const input = await renderInput({ client }, flights, { owner: rendered, airway }, namespace);
    const { stages, secrets } = await render({ client, ...flights }, input);
    const curtain = createCurtain();
    curtain.remember(secrets.values());
    return changesOf(client, { name, stages, prune: input.spec.prune, inventory: record.inventory }, curtain);
  });
}

/** What a rollback to it would change. */
export async function changesByRevision(
  { client }: Cluster,
  release: Release,
  revision: KeptRevision,
): Promise<Change[]> {
  const { type, owner, record, name } = release;
  const airway = await airwayOf({ client }, type);
  const { releasing, prune } = holdingOf(owner, airway);
  const stored = await stagesOf({ client }, release, revision);
  const { stages } = await releaseObjects(
    { client },
    { type, name, spec: releasing, object: await asRendered({ client }, owner, airway) },
    stored,
  );
  return changesOf(client, { name, stages, prune, inventory: record.inventory }, createCurtain());
}

async function changesOfRevisions(
  cluster: Cluster,
  release: Release,
  before: KeptRevision,
  after: KeptRevision,
): Promise<Change[]> {
  const [old, now] = await Promise.all([before, after].map(revision => stagesOf(cluster, release, revision)));
  return changesBetween((old ?? []).flat(), (now ?? []).flat(), createCurtain());
}

async function stagesOf(
  { client }: Pick<Cluster, "client">,
  { name }: Release,
  revision: KeptRevision,
): Promise<KubeObject[][]> {
  const ref = secretRef({ name }, revision.name);
  const secret = await client.get(ref);
  if (secret === undefined) throw errors.CLI_OBJECT_MISSING({ object: describe(ref) });
  return readStages(secret);
}
