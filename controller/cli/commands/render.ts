/** `atc render`: what a flight makes of its instance, without a cluster or with the objects of one. */

import { type KubeObject, refOf } from "../../kube/object.ts";
import type { Source } from "../../reconcile/context.ts";
import { describe } from "../../reconcile/explain.ts";
import { type Rendered, render as renderOnce } from "../../reconcile/render.ts";
import { title } from "../../release/normalise.ts";
import type { OwnerStatus } from "../../release/ownerStatus.ts";
import type { Answer } from "../answer.ts";
import { type Curtain, createCurtain, noCurtain } from "../curtain.ts";
import { withDefaults } from "../defaults.ts";
import { errors } from "../errors.ts";
import { readObjects } from "../files.ts";
import { withFlights } from "../flights.ts";
import { indented, plainRef } from "../format.ts";
import { airwayKind, defines, flightTypeOf, isAirway, type RenderPlan, renderInput } from "../owner.ts";
import { offlineSource, overlay } from "../source.ts";
import { yamlOf } from "../yaml.ts";

export interface RenderOptions {
  /** What to render, and the Airways of it. */
  readonly filename: readonly string[];
  /** What can be looked up. */
  readonly lookups: readonly string[];
  /** Path or URL of a module to take instead of what Airway or Flight name. */
  readonly flight?: string;
  readonly showSecrets: boolean;
  /** Of what has none. */
  readonly namespace: string;
  /** The cluster that answers what files do not. */
  readonly live?: Source;
  /** For what is no answer. */
  note(text: string): void;
}

export async function render(options: RenderOptions): Promise<Answer> {
  const { live, namespace, note } = options;
  const given = await readObjects(options.filename);
  const lookups = await readObjects(options.lookups);
  const offline = offlineSource([...given, ...lookups]);
  const base = live ?? offline;
  const objects = await Promise.all([...given, ...lookups].map(object => inNamespace(base, object, namespace)));
  const source = witnessed(overlay(base, objects), note);
  const plans = await plansOf(given, live, options.flight);
  if (plans.length === 0) throw errors.CLI_NOTHING_GIVEN({ what: "render" });
  const parts = await withFlights(async flights => {
    const done: Part[] = [];
    for (const plan of plans) {
      const input = await renderInput(source, flights, plan, namespace);
      done.push({ owner: input.object, rendered: await renderOnce({ ...source, ...flights }, input) });
    }
    return done;
  });
  for (const kind of offline.guessed)
    note(`nothing says whether ${kind} is namespaced; give its CRD with -f or --lookups`);
  return {
    data: parts.map(part => dataOf(part, options)),
    text: parts
      .map(part => textOf(part, options))
      .join("---\n")
      .trimEnd(),
  };
}

interface Part {
  readonly owner: KubeObject;
  readonly rendered: Rendered;
}

async function plansOf(
  given: readonly KubeObject[],
  live: Source | undefined,
  flight: string | undefined,
): Promise<RenderPlan[]> {
  const airways = given.filter(isAirway);
  const plans: RenderPlan[] = [];
  for (const owner of given) {
    if (flightTypeOf(owner) !== undefined) plans.push({ owner, airway: undefined, flight });
    if (isAirway(owner) || flightTypeOf(owner) !== undefined) continue;
    const airway = airways.find(candidate => defines(candidate, owner)) ?? (live && (await liveAirway(live, owner)));
    if (airway === undefined) throw errors.CLI_AIRWAY_MISSING({ object: title(owner) });
    plans.push({ owner: withDefaults(owner, airway), airway, flight });
  }
  return plans;
}

async function liveAirway({ client }: Source, owner: KubeObject): Promise<KubeObject | undefined> {
  const type = await client.discovery.resolve(owner.apiVersion, owner.kind);
  return type && client.get({ ...airwayKind, namespace: "", name: `${type.plural}.${type.group}` });
}

async function inNamespace({ client }: Source, object: KubeObject, namespace: string): Promise<KubeObject> {
  if (object.metadata.namespace !== undefined) return object;
  const type = await client.discovery.resolve(object.apiVersion, object.kind);
  return type?.namespaced === false ? object : { ...object, metadata: { ...object.metadata, namespace } };
}

/** Tells what a flight asks for and nobody has. */
function witnessed({ client }: Source, note: RenderOptions["note"]): Source {
  return {
    client: {
      discovery: client.discovery,
      async get(ref, options) {
        const object = await client.get(ref, options);
        if (object === undefined) note(`looked up and not found: ${describe(ref)}`);
        return object;
      },
    },
  };
}

function curtainOf({ rendered }: Part, { showSecrets }: RenderOptions): Curtain {
  if (showSecrets) return noCurtain;
  const curtain = createCurtain();
  curtain.remember([...rendered.secrets.values(), ...rendered.stages.flat()]);
  return curtain;
}

function dataOf(part: Part, options: RenderOptions): unknown {
  const { owner, rendered } = part;
  const { stages, stated, flight, lookups } = rendered;
  const { cover } = curtainOf(part, options);
  return {
    owner: plainRef(refOf(owner)),
    flight,
    lookups: lookups.map(plainRef),
    stages: stages.map(stage => stage.map(cover)),
    ...(stated === undefined ? {} : { status: statusOf(stated, cover) }),
  };
}

/** Documents that kubectl can apply; the rest is comments. */
function textOf(part: Part, options: RenderOptions): string {
  const { owner, rendered } = part;
  const { stages, stated } = rendered;
  const { cover } = curtainOf(part, options);
  const of = stages.length === 1 ? "" : ` of ${stages.length}`;
  const documents = stages.flatMap((stage, at) =>
    stage.map(object => `# ${title(owner)}, stage ${at + 1}${of}\n${yamlOf(cover(object))}`),
  );
  const status = stated && yamlOf({ status: statusOf(stated, cover) });
  const said = status === undefined ? [] : [`# ${title(owner)} states\n${indented(status, "# ")}`];
  if (documents.length + said.length === 0) return `# ${title(owner)}: no objects\n`;
  return [...documents, ...said].join("---\n");
}

/** As it would stand in the owner. */
function statusOf({ fields, conditions }: OwnerStatus, cover: Curtain["cover"]): unknown {
  const status = { ...fields, ...(conditions.length === 0 ? {} : { conditions }) };
  return cover({ apiVersion: "v1", kind: "Status", metadata: { name: "status" }, status })["status"];
}
