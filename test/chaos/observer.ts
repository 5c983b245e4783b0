/**
 * Watches children past the proxy, and holds every state it sees against the ones before: what children
 * say of the spec and the Secret that they were rendered from may never be older than what they said once, unless they were
 * made with it.
 */

import type { KubeClient } from "../../controller/kube/client.ts";
import type { KubeObject } from "../../controller/kube/object.ts";
import { createReflector, type Reflector } from "../../controller/kube/reflector.ts";
import { configMapType, secretType } from "../../controller/kube/resourceTypes.ts";
import { absent, type Marks, markSecret, markSpec } from "./flight.ts";

const revisionAnnotation = "deployment.kubernetes.io/revision";

/** What the child was rendered from, where it says so in numbers; a foreign edit or an absent Secret says nothing. */
export function marksOn(child: KubeObject): Partial<Marks> {
  const { data = {} } = child as { data?: Record<string, string> };
  if (child.kind === "Secret") return data["n"] === undefined ? {} : { secret: data["n"] };
  if (child.kind === "ConfigMap") return data as Partial<Marks>;
  const { template } = child["spec"] as { template: { metadata: { annotations?: Record<string, string> } } };
  const { [markSpec]: spec = "", [markSecret]: secret = "" } = template.metadata.annotations ?? {};
  return { spec, secret };
}

function numbers({ spec, secret }: Partial<Marks>): { spec: number | undefined; secret: number | undefined } {
  const plain = secret === undefined || secret === absent ? "" : Buffer.from(secret, "base64").toString();
  const number = (text: string | undefined) => (text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined);
  return { spec: number(spec), secret: number(plain) };
}

const marks = ["spec", "secret"] as const;

interface Seen {
  spec: number;
  secret: number;
  uid: string;
  /** What the object of this uid said when it was made. */
  born: ReturnType<typeof numbers>;
}

export class Observer {
  /** Children that went back in time, in words. */
  readonly violations: string[] = [];
  readonly #reflectors: Reflector[];
  readonly #seen = new Map<string, Seen>();
  /** Newest revision of each Deployment, by uid. */
  readonly #revisions = new Map<string, number>();

  constructor(client: KubeClient, namespace: string) {
    const types = [
      configMapType,
      secretType,
      {
        group: "apps",
        version: "v1",
        apiVersion: "apps/v1",
        kind: "Deployment",
        plural: "deployments",
        namespaced: true,
      },
    ];
    this.#reflectors = types.map(type =>
      createReflector({
        ...{ client, type, namespace, silenceMs: 600_000 },
        handler: {
          upsert: object => this.#see(object),
          delete: () => undefined,
          listed: () => undefined,
        },
      }),
    );
    for (const reflector of this.#reflectors) reflector.start();
  }

  async synced(): Promise<void> {
    await Promise.all(this.#reflectors.map(reflector => reflector.synced));
  }

  revisions(): number {
    return this.#revisions.values().reduce((sum, revision) => sum + revision, 0);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#reflectors.map(reflector => reflector.stop()));
  }

  #see(object: KubeObject): void {
    const { metadata } = object;
    const revision = Number(metadata.annotations?.[revisionAnnotation] ?? 0);
    const uid = metadata.uid ?? "";
    if (object.kind === "Deployment") this.#revisions.set(uid, Math.max(revision, this.#revisions.get(uid) ?? 0));
    const key = keyOf(object);
    const now = numbers(marksOn(object));
    const before = this.#seen.get(key) ?? { spec: -1, secret: -1, uid, born: now };
    if (before.uid !== uid) Object.assign(before, { uid, born: now });
    for (const mark of marks) {
      const value = now[mark];
      if (value === undefined) continue;
      // Kubernetes has no condition by which a creation that comes late, when the object was made and deleted, would fail.
      if (value < before[mark] && value !== before.born[mark]) {
        const { name, resourceVersion } = metadata;
        this.violations.push(
          `${object.kind} ${name}@${resourceVersion}: ${mark} went from ${before[mark]} to ${value}`,
        );
      }
      before[mark] = Math.max(before[mark], value);
    }
    this.#seen.set(key, before);
  }
}

function keyOf({ kind, metadata: { name } }: KubeObject): string {
  return `${kind} ${name}`;
}
