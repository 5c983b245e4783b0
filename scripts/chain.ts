/**
 * The way of one changed secret, from Vault to the last new pod: which link happened when. Pure: states of objects and
 * times go in, links come out.
 */
import { createHash } from "node:crypto";
import type { KubeObject } from "../controller/kube/object.ts";
import { recordOf } from "../lib/json.ts";

export type LinkName = "vault" | "secret" | "externalSecret" | "rendered" | "deployment" | "rollout";

export interface Link {
  readonly name: LinkName;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** What there is to say about it. */
  readonly detail: string;
}

/** The objects on the way, by the part that they play. */
export type Part = "externalSecret" | "secret" | "backend" | "deployment";

/** How each link reads. */
export const linkTexts: Readonly<Record<LinkName, string>> = {
  vault: "Vault version written",
  secret: "Secret changed",
  externalSecret: "ExternalSecret synced",
  rendered: "rendered",
  deployment: "Deployment patched",
  rollout: "rollout complete",
};

export class Chain {
  private readonly before = new Map<Part, KubeObject>();
  private readonly found = new Map<LinkName, Link>();
  private readonly writtenBefore: number;

  /** @param writtenBefore when Vault's current version was written; the next one begins the chain */
  constructor(writtenBefore: number) {
    this.writtenBefore = writtenBefore;
  }

  /** Takes Vault's current version and the time at which it was written. */
  seeVault(version: number, writtenAt: number): void {
    // Not by its number: a Vault that lost its data begins again with 1.
    if (writtenAt > this.writtenBefore) this.add("vault", writtenAt, `version ${version}`);
  }

  /** Takes a state of one of the objects; the first one of each is what it was before. */
  see(part: Part, object: KubeObject, at: number): void {
    const before = this.before.get(part);
    if (!before) {
      this.before.set(part, object);
      return;
    }
    rules[part](before, object, at, this.found, (...link) => this.add(...link));
  }

  /** In the order in which they happened. What was rendered from the Secret tells that it had changed by then. */
  links(): Link[] {
    const rendered = this.found.get("rendered")?.at ?? Number.POSITIVE_INFINITY;
    return [...this.found.values()]
      .map(link => (link.name === "secret" ? { ...link, at: Math.min(link.at, rendered) } : link))
      .sort((a, b) => a.at - b.at);
  }

  missing(): LinkName[] {
    return (Object.keys(linkTexts) as LinkName[]).filter(name => !this.found.has(name));
  }

  private add(name: LinkName, at: number, detail: string): void {
    if (!this.found.has(name)) this.found.set(name, { name, at, detail });
  }
}

type Add = (name: LinkName, at: number, detail: string) => void;
type Rule = (before: KubeObject, now: KubeObject, at: number, found: ReadonlyMap<LinkName, Link>, add: Add) => void;

const rules: Readonly<Record<Part, Rule>> = {
  secret(before, now, at, _found, add) {
    if (digest(before["data"]) === digest(now["data"])) return;
    add("secret", at, `${name(now)}, resourceVersion ${now.metadata.resourceVersion}`);
  },

  /** It is refreshed again and again; the refresh that counts is the one that tells of the changed Secret. */
  externalSecret(before, now, at, found, add) {
    const synced = field(now, "status")["refreshTime"] !== field(before, "status")["refreshTime"];
    if (synced && found.has("secret")) add("externalSecret", at, name(now));
  },

  backend(before, now, _at, found, add) {
    const roll = lastRoll(now);
    if (!found.has("secret") || roll.time === lastRoll(before).time) return;
    add("rendered", Date.parse(roll.renderedAt), roll.cause);
  },

  deployment(before, now, at, _found, add) {
    const generation = now.metadata.generation ?? 0;
    if (generation <= (before.metadata.generation ?? 0)) return;
    add("deployment", at, `${name(now)}, generation ${generation}`);
    if (isRolledOut(now)) add("rollout", at, `${field(now, "status")["replicas"]} new pods`);
  },
};

/** As `kubectl rollout status` decides. */
function isRolledOut(deployment: KubeObject): boolean {
  const status = field(deployment, "status");
  const wanted = field(deployment, "spec")["replicas"] ?? 1;
  if (Number(status["observedGeneration"] ?? 0) < (deployment.metadata.generation ?? 0)) return false;
  const counts = [status["updatedReplicas"], status["replicas"], status["availableReplicas"]];
  return counts.every(count => (count ?? 0) === wanted);
}

function lastRoll(backend: KubeObject): { renderedAt: string; time: string; cause: string } {
  const { rolls } = field(field(backend, "status"), "atc");
  const [roll = {}] = (Array.isArray(rolls) ? rolls : []) as Partial<ReturnType<typeof lastRoll>>[];
  return { renderedAt: roll.renderedAt ?? "", time: roll.time ?? "", cause: roll.cause ?? "" };
}

const name = (object: KubeObject): string => `${object.metadata.namespace}/${object.metadata.name}`;

/** A Secret's values are compared, never kept in sight. */
const digest = (data: unknown): string =>
  createHash("sha256")
    .update(JSON.stringify(data) ?? "")
    .digest("hex");

function field(of: unknown, key: string): Record<string, unknown> {
  return recordOf(recordOf(of)[key]);
}

/** The links as lines, with the time since the first and since the one before. */
export function printedChain(links: readonly Link[]): string[] {
  const first = links[0]?.at ?? 0;
  return links.map((link, index) => {
    const step = link.at - (links[index - 1]?.at ?? first);
    const at = new Date(link.at).toISOString().slice(11, 23);
    return `  ${at}  ${ms(link.at - first)}  ${ms(step, "+")}  ${linkTexts[link.name].padEnd(22)} ${link.detail}`.trimEnd();
  });
}

const ms = (milliseconds: number, sign = ""): string => `${sign}${Math.round(milliseconds)} ms`.padStart(9);
