/** The Secrets of one namespace, as an API server would keep them. */

import { answerError } from "../../kube/errors.ts";
import type { KubeObject, ObjectRef } from "../../kube/object.ts";
import { secretType as type } from "../../kube/resourceTypes.ts";
import type { HistoryContext } from "../history.ts";

export class FakeSecrets {
  readonly secrets = new Map<string, KubeObject>();
  readonly requests: string[] = [];
  /** What the API server answers to requests of this verb instead: an HTTP status. */
  readonly refusals = new Map<string, number>();
  #count = 0;

  get client(): HistoryContext["client"] {
    return {
      discovery: { resolve: async () => type, invalidate: () => undefined },
      get: async (ref: ObjectRef, options: { metadataOnly?: boolean } = {}) => {
        this.#take("get", ref.name);
        const found = this.secrets.get(ref.name);
        if (found === undefined || options.metadataOnly !== true) return found;
        const { apiVersion, kind, metadata } = found;
        return { apiVersion, kind, metadata };
      },
      list: async (_: unknown, { labelSelector = "" }: { labelSelector?: string } = {}) => {
        this.#take("list", labelSelector);
        return { items: [...this.secrets.values()], resourceVersion: "1" };
      },
      create: async (object: KubeObject) => {
        const { name } = object.metadata;
        this.#take("create", name);
        if (this.secrets.has(name)) throw refusal(409, "AlreadyExists");
        const created = { ...object, metadata: { ...object.metadata, uid: `uid-${++this.#count}` } };
        this.secrets.set(name, created);
        return created;
      },
      patch: async (ref: ObjectRef, patch: { metadata: Record<string, Record<string, string>> }) => {
        this.#take("patch", ref.name);
        const found = this.secrets.get(ref.name);
        if (found === undefined) throw refusal(404, "NotFound");
        const { labels, annotations } = found.metadata;
        const metadata = {
          ...found.metadata,
          labels: { ...labels, ...patch.metadata["labels"] },
          annotations: { ...annotations, ...patch.metadata["annotations"] },
        };
        this.secrets.set(ref.name, { ...found, metadata });
        return { ...found, metadata };
      },
      delete: async (ref: ObjectRef, { uid }: { uid?: string } = {}) => {
        this.#take("delete", ref.name);
        const found = this.secrets.get(ref.name);
        if (found === undefined) return "absent";
        if (uid !== undefined && found.metadata.uid !== uid) throw refusal(409, "Conflict");
        this.secrets.delete(ref.name);
        return "deleted";
      },
    } as unknown as HistoryContext["client"];
  }

  get names(): string[] {
    return [...this.secrets.keys()];
  }

  #take(verb: string, what: string): void {
    this.requests.push(`${verb} ${what}`);
    const status = this.refusals.get(verb);
    if (status !== undefined) throw refusal(status, status === 403 ? "Forbidden" : "InternalError");
  }
}

function refusal(code: number, reason: string): Error {
  const body = JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", message: reason, reason, code });
  return answerError({ method: "POST", path: "/api/v1/namespaces/ns/secrets" }, { status: code, body });
}
