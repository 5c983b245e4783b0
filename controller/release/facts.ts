/** What a release needs to know of a live object; small, because it is kept for every child of every instance. */

import { type KubeObject, parseApiVersion } from "../kube/object.ts";
import { ownedFields } from "./fields.ts";
import { ownerKey } from "./normalise.ts";
import { noRules, type RuleBook, readiness } from "./readiness.ts";

export interface ObjectFacts {
  /** See `ownedFields`. */
  readonly fields: string;
  /**
   * `<release namespace>/<release>` of the release that owns the object (contract §0); of what serves an Airway, such as
   * its CRD, `Airway <name>`; empty when nobody does.
   */
  readonly owner: string;
  readonly deleting: boolean;
  readonly ready: boolean;
  /** What is missing, where the object says it itself in a condition; else empty. */
  readonly gap: string;
  /** Set when the object can not become ready any more, for example a failed Job. */
  readonly failure: string | undefined;
}

export function factsOf(object: KubeObject, book: RuleBook = noRules): ObjectFacts {
  const { ready, failed, reason } = readiness(object, book);
  const saysItself = !isWorkload(object) || book.ruleFor(object) !== undefined;
  return {
    fields: ownedFields(object),
    owner: ownerKey(object) || servedAirway(object),
    deleting: object.metadata.deletionTimestamp !== undefined,
    ready,
    gap: !ready && saysItself ? reason : "",
    failure: failed === true ? reason : undefined,
  };
}

function servedAirway({ metadata }: KubeObject): string {
  const airway = metadata.ownerReferences?.find(
    ({ apiVersion, kind }) => kind === "Airway" && parseApiVersion(apiVersion).group === "yoke.cd",
  );
  return airway === undefined ? "" : `Airway ${airway.name}`;
}

/** Kubernetes' own kinds count replicas; each step of a roll would be a new reason and so a write of status. */
function isWorkload(object: KubeObject): boolean {
  return !parseApiVersion(object.apiVersion).group.includes(".");
}

/** Whether a child is still as its release applied it: nobody took a field, the ownership or the object away. */
export function sameShape(a: ObjectFacts | undefined, b: ObjectFacts | undefined): boolean {
  return a?.fields === b?.fields && a?.owner === b?.owner && a?.deleting === b?.deleting;
}

export function sameReadiness(a: ObjectFacts | undefined, b: ObjectFacts | undefined): boolean {
  return a?.ready === b?.ready && a?.gap === b?.gap && a?.failure === b?.failure;
}
