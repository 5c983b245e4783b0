/** `atc preview`: what would roll, and how, if an object changed. Writes nothing: changes are tried by dry-runs. */

import { CodedError } from "../../../lib/errors.ts";
import { isKubeError } from "../../kube/errors.ts";
import { type KubeObject, type ResourceType, refOf } from "../../kube/object.ts";
import { describe } from "../../reconcile/explain.ts";
import { flightKinds } from "../../reconcile/flight.ts";
import { render } from "../../reconcile/render.ts";
import { pinnedRevision } from "../../reconcile/rollback.ts";
import { readRecord } from "../../release/record.ts";
import type { Answer } from "../answer.ts";
import { type Change, changesOf } from "../changes.ts";
import { changesData, changesText } from "../changesText.ts";
import type { Cluster } from "../cluster.ts";
import { createCurtain } from "../curtain.ts";
import { errors } from "../errors.ts";
import { readObjects } from "../files.ts";
import { type Flights, withFlights } from "../flights.ts";
import { count, indented, plainRef, styled } from "../format.ts";
import {
  airwayKind,
  defines,
  flightTypeOf,
  isAirway,
  placed,
  type RenderPlan,
  renderInput,
  storageVersionOf,
} from "../owner.ts";
import { isSame, overlay } from "../source.ts";

export interface PreviewOptions {
  /** Of the objects as they would be. */
  readonly filename: readonly string[];
  /** Name of an Airway, and path or URL of the module that it would have. */
  readonly airway?: string;
  readonly flight?: string;
  note(text: string): void;
}

export async function preview(cluster: Cluster, options: PreviewOptions): Promise<Answer> {
  if ((options.airway === undefined) !== (options.flight === undefined)) {
    throw errors.CLI_USAGE({ problem: "--airway and --flight belong together" });
  }
  const given = await readObjects(options.filename);
  const changed = await Promise.all(given.map(object => asChanged(cluster, object)));
  const affected = await affectedBy(cluster, changed, options);
  const outcomes = await withFlights(async flights => {
    const done: Outcome[] = [];
    for (const plan of affected) done.push(await outcomeOf(cluster, flights, plan, changed));
    return done;
  });
  const failed = outcomes.some(({ error }) => error !== undefined);
  return {
    data: outcomes.map(({ owner, changes, error }) => ({
      owner: plainRef(refOf(owner)),
      changes: changesData(changes),
      ...(error === undefined ? {} : { error: { code: error.code, message: error.message, todo: error.todo } }),
    })),
    text: textOf(outcomes),
    exitCode: failed ? 1 : 0,
  };
}

/** As `kubectl apply --server-side` would leave it: with defaults, and what the file leaves out as it is. */
async function asChanged({ client, namespace }: Cluster, object: KubeObject): Promise<KubeObject> {
  // What it defines is not served before it is applied.
  if (isAirway(object)) return object;
  const type = await client.discovery.resolve(object.apiVersion, object.kind);
  if (type === undefined) throw errors.CLI_KIND_UNKNOWN({ kind: `${object.kind} (${object.apiVersion})` });
  const wanted = placed(object, type, namespace);
  const { resourceVersion: _, uid: __, managedFields: ___, ...metadata } = wanted.metadata;
  const { status: ____, ...rest } = wanted;
  const options = { fieldManager: "atc", force: true, dryRun: true };
  return (await client.apply({ ...rest, metadata } as KubeObject, options)).object;
}

/** The owners whose next render would see one of the changes. */
async function affectedBy(
  cluster: Cluster,
  changed: readonly KubeObject[],
  options: PreviewOptions,
): Promise<RenderPlan[]> {
  const { client } = cluster;
  const airways = await listed(
    cluster,
    await client.discovery.resolve(airwayKind.apiVersion, airwayKind.kind),
    options,
  );
  if (options.airway !== undefined && !airways.some(({ metadata }) => metadata.name === options.airway)) {
    throw errors.CLI_OBJECT_MISSING({ object: `Airway ${options.airway}` });
  }
  const plans: RenderPlan[] = [];
  for (const live of airways) {
    const wanted = changed.find(object => isAirway(object) && object.metadata.name === live.metadata.name);
    const airway = wanted === undefined ? live : { ...wanted, status: live["status"] };
    const flight = options.airway === live.metadata.name ? options.flight : undefined;
    const all = wanted !== undefined || flight !== undefined;
    const owners = await listed(cluster, await servedType(cluster, live), options);
    const meant = affectedOwners(owners, changed, object => defines(airway, object), all);
    plans.push(...meant.map(owner => ({ owner, airway, flight })));
  }
  for (const { type } of flightKinds) {
    const owners = await listed(cluster, type, options);
    const meant = affectedOwners(owners, changed, object => flightTypeOf(object) === type, false);
    plans.push(...meant.map(owner => ({ owner, airway: undefined })));
  }
  return plans;
}

/**
 * @param live owners of one kind
 * @param isOfKind whether a changed object is one of them
 * @param all whatever they have looked up
 */
function affectedOwners(
  live: readonly KubeObject[],
  changed: readonly KubeObject[],
  isOfKind: (object: KubeObject) => boolean,
  all: boolean,
): KubeObject[] {
  const itself = changed.filter(isOfKind);
  const others = live.filter(owner => !itself.some(object => isSame(refOf(object), refOf(owner))));
  const seeing = others.filter(owner =>
    readRecord(owner).lookups.some(ref => changed.some(object => isSame(refOf(object), ref))),
  );
  return [...itself, ...(all ? others : seeing)];
}

/** In the version that the controller renders; undefined while it is not served. */
async function servedType({ client }: Cluster, airway: KubeObject): Promise<ResourceType | undefined> {
  const { template } = (airway["spec"] ?? {}) as { template?: { names?: { kind?: string } } };
  const [apiVersion, kind] = [storageVersionOf(airway), template?.names?.kind];
  return apiVersion === undefined || kind === undefined ? undefined : client.discovery.resolve(apiVersion, kind);
}

/** All of them; those of the namespace where that is all that may be seen. */
async function listed(
  { client, namespace }: Cluster,
  type: ResourceType | undefined,
  { note }: PreviewOptions,
): Promise<KubeObject[]> {
  if (type === undefined) return [];
  try {
    return (await client.list(type)).items;
  } catch (error) {
    if (!isKubeError(error, "KUBE_FORBIDDEN") || !type.namespaced) throw error;
    note(`${type.plural} are looked for in namespace ${namespace} only: you may not list all`);
    return (await client.list(type, { namespace })).items;
  }
}

interface Outcome {
  readonly owner: KubeObject;
  readonly changes: readonly Change[];
  readonly pinned?: string | undefined;
  /** The render fails. */
  readonly error?: CodedError;
}

async function outcomeOf(
  { client, namespace }: Cluster,
  flights: Flights,
  plan: RenderPlan,
  changed: readonly KubeObject[],
): Promise<Outcome> {
  const { owner } = plan;
  const pinned = pinnedRevision(owner);
  if (pinned !== undefined) return { owner, changes: [], pinned };
  try {
    const source = overlay({ client }, changed);
    const input = await renderInput(source, flights, plan, namespace);
    const { stages, secrets } = await render({ ...source, ...flights }, input);
    const curtain = createCurtain();
    curtain.remember([
      ...secrets.values(),
      ...(await Promise.all([...secrets.values()].map(secret => client.get(refOf(secret))))),
    ]);
    const { inventory } = readRecord(owner);
    const { name, spec } = input;
    return { owner, changes: await changesOf(client, { name, stages, prune: spec.prune, inventory }, curtain) };
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return { owner, changes: [], error };
  }
}

function textOf(outcomes: readonly Outcome[]): string {
  const rolling = outcomes.filter(({ changes }) => changes.length > 0);
  const failing = outcomes.filter(({ error }) => error !== undefined);
  const summary = [
    `${count(outcomes.length, "release")} would be rendered again: ${rolling.length} would change`,
    ...(failing.length === 0 ? [] : [`${failing.length} would fail`]),
  ].join(", ");
  return [...outcomes.map(outcomeText), `${summary}.`].join("\n\n");
}

function outcomeText({ owner, changes, error, pinned }: Outcome): string {
  const head = styled("bold", describe(refOf(owner)));
  if (pinned !== undefined) return `${head}: pinned to revision ${pinned}, so nothing changes`;
  if (error !== undefined)
    return `${head}: ${styled("red", "its render would fail")}\n${indented(`${error.message}\n${error.todo} (${error.code})`)}`;
  if (changes.length === 0) return `${head}: nothing changes`;
  return `${head}: ${count(changes.length, "object")}\n\n${indented(changesText(changes))}`;
}
