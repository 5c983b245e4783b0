/** `atc why`: the last rolls of a release with their causes, and how its objects are. */

import type { KubeClient } from "../../kube/client.ts";
import { type KubeObject, refOf } from "../../kube/object.ts";
import { describe } from "../../reconcile/explain.ts";
import { listReadiness } from "../../reconcile/readinessRules.ts";
import { pinnedRevision } from "../../reconcile/rollback.ts";
import { type RuleBook, readiness, readsWhole } from "../../release/readiness.ts";
import type { InventoryEntry } from "../../release/record.ts";
import { type Roll, writeRoll } from "../../release/roll.ts";
import type { Answer } from "../answer.ts";
import type { Cluster } from "../cluster.ts";
import { indented, moment, plainRef, printable, styled, table } from "../format.ts";
import { findRelease, onlyName, type Release } from "../release.ts";

export async function why(cluster: Cluster, words: readonly string[], now: number): Promise<Answer> {
  const release = await findRelease(cluster, onlyName(words));
  const { owner, record } = release;
  const rules = await listReadiness(cluster.client);
  const children = await Promise.all(record.inventory.map(entry => healthOf(cluster.client, rules, entry)));
  const conditions = conditionsOf(owner);
  const { flight, revision, lookups, rolls, failures } = record;
  const data = {
    owner: plainRef(refOf(owner)),
    conditions,
    ...(failures === 0 ? {} : { failures }),
    flight,
    ...(revision.name === "" ? {} : { revision: revision.name }),
    rolls: rolls.map(writeRoll),
    objects: children.map(({ entry, ready, detail }) => ({
      ...plainRef(entry),
      stage: entry.stage + 1,
      ready,
      detail,
    })),
    lookups: lookups.map(plainRef),
  };
  return { data, text: textOf(release, conditions, children, now) };
}

interface Health {
  readonly entry: InventoryEntry;
  readonly ready: boolean;
  readonly detail: string;
}

async function healthOf(client: KubeClient, rules: RuleBook, entry: InventoryEntry): Promise<Health> {
  try {
    // Of kinds without readiness, Secrets among them, it is enough to know that they are there.
    const live = await client.get(entry, { metadataOnly: !readsWhole(entry, rules) });
    if (live === undefined) return { entry, ready: false, detail: "it is not there" };
    if (live.metadata.deletionTimestamp !== undefined) return { entry, ready: false, detail: "it is being deleted" };
    const { ready, reason } = readiness(live, rules);
    return { entry, ready, detail: ready ? "ready" : reason.slice(reason.indexOf(": ") + 2) };
  } catch (error) {
    return { entry, ready: false, detail: `not known: ${error instanceof Error ? error.message : String(error)}` };
  }
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
}

function conditionsOf(object: KubeObject): Condition[] {
  const { conditions } = (object["status"] ?? {}) as { conditions?: Condition[] };
  return Array.isArray(conditions) ? conditions : [];
}

function textOf(
  { owner, record }: Release,
  conditions: readonly Condition[],
  children: readonly Health[],
  now: number,
): string {
  const [last, ...former] = record.rolls;
  const pinned = pinnedRevision(owner);
  const parts = [
    [styled("bold", describe(refOf(owner))), ...conditions.map(condition => `  ${conditionText(condition, now)}`)],
    pinned === undefined || conditions.some(({ message }) => message.includes(pinned))
      ? []
      : [`  pinned to revision ${pinned}`],
    last === undefined ? ["", "It has not rolled yet, as far as its status tells."] : ["", rollText(last, now)],
    former.length === 0
      ? []
      : ["", styled("bold", "Before"), ...former.map(roll => `  ${moment(roll.time, now)}  ${printable(roll.cause)}`)],
    children.length === 0 ? [] : ["", objectsText(children)],
    record.lookups.length === 0
      ? []
      : ["", styled("bold", "Looked up"), ...record.lookups.map(ref => `  ${describe(ref)}`)],
  ];
  return parts.flat().join("\n");
}

function conditionText({ type, status, reason, message, lastTransitionTime }: Condition, now: number): string {
  const colour = type === "Ready" && status === "True" ? "green" : "yellow";
  return `${styled(colour, `${type}: ${status}`)} (${reason}) since ${moment(lastTransitionTime, now)}: ${printable(message)}`;
}

function rollText(roll: Roll, now: number): string {
  const { time, renderedAt, cause, causes, changes, flight, revision } = roll;
  const took = Date.parse(time) - Date.parse(renderedAt);
  const lines = [
    `because   ${printable(cause)}`,
    ...causes.flatMap(({ keys, object }) =>
      keys.map(
        ({ key, before = "(none)", after = "(none)" }) =>
          `          ${describe(object)}: key ${key} changed, ${before} → ${after}`,
      ),
    ),
    ...changes.map(
      ({ object, why, paths }) =>
        `changed   ${describe(object)} (${why})${paths.length === 0 ? "" : `: ${paths.join(", ")}`}`,
    ),
    ...(flight === "" ? [] : [`flight    ${flight}`]),
    ...(revision === "" ? [] : [`revision  ${revision}`]),
    ...(Number.isNaN(took) ? [] : [`applied   ${took} ms after the render`]),
  ];
  return [styled("bold", `Last roll, ${moment(time, now)}`), ...lines.map(line => indented(line))].join("\n");
}

function objectsText(children: readonly Health[]): string {
  const rows = children.map(({ entry, ready, detail }) => [
    String(entry.stage + 1),
    describe(entry),
    ready ? detail : styled("yellow", detail),
  ]);
  return table(["STAGE", "OBJECT", "STATE"], rows);
}
