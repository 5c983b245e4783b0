/** Objects of one kind as an API server keeps and watches them: versions, preconditions, field ownership. */
import type { KubeClient } from "../../kube/client.ts";
import { answerError } from "../../kube/errors.ts";
import type { KubeObject, ObjectRef } from "../../kube/object.ts";
import { type createReflector, nameKey, type ReflectorHandler } from "../../kube/reflector.ts";

export class FakeCluster {
  readonly objects = new Map<string, KubeObject>();
  readonly writes: string[] = [];
  /** Is run before the next write is carried out: what somebody else does in between. */
  meanwhile: (() => void) | undefined;
  readonly #handlers = new Set<ReflectorHandler>();
  #version = 0;

  readonly openReflector = ((options: { handler: ReflectorHandler }) => ({
    start: () => {
      this.#handlers.add(options.handler);
      for (const object of this.objects.values()) options.handler.upsert(object);
      options.handler.listed(new Set([...this.objects.keys()].map(name => nameKey({ name }))), String(this.#version));
    },
    stop: async () => {
      this.#handlers.delete(options.handler);
    },
  })) as unknown as typeof createReflector;

  get client(): KubeClient {
    return {
      get: async ({ name }: ObjectRef) => this.objects.get(name),
      create: async (object: KubeObject) => {
        const { name } = object.metadata;
        this.#before("create", name);
        if (this.objects.has(name)) throw refusal(409, "AlreadyExists");
        return this.put(object);
      },
      apply: async (object: KubeObject, { fieldManager: manager }: { fieldManager: string }) => {
        const { name } = object.metadata;
        this.#before("apply", name);
        const managedFields = [{ manager, operation: "Apply", fieldsV1: JSON.stringify(object) }];
        const applied = { ...object, metadata: { ...object.metadata, managedFields } };
        return { object: this.put(applied), created: false };
      },
      patch: async ({ name }: ObjectRef, patch: { metadata?: { resourceVersion?: string }; data?: unknown }) => {
        this.#before("patch", name);
        const found = this.objects.get(name);
        if (found === undefined) throw refusal(404, "NotFound");
        const expected = patch.metadata?.resourceVersion;
        if (expected !== undefined && expected !== found.metadata.resourceVersion) throw refusal(409, "Conflict");
        return this.put({ ...found, data: patch.data });
      },
      delete: async ({ name }: ObjectRef, { resourceVersion }: { resourceVersion?: string } = {}) => {
        this.#before("delete", name);
        const found = this.objects.get(name);
        if (found === undefined) return "absent";
        const isOther = resourceVersion !== undefined && resourceVersion !== found.metadata.resourceVersion;
        if (isOther) throw refusal(409, "Conflict");
        this.remove(name);
        return "deleted";
      },
    } as unknown as KubeClient;
  }

  /** As a write of anybody. */
  put(object: KubeObject): KubeObject {
    const { name } = object.metadata;
    const resourceVersion = String(++this.#version);
    const uid = this.objects.get(name)?.metadata.uid ?? `uid-${resourceVersion}`;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion, uid } };
    this.objects.set(name, stored);
    for (const handler of this.#handlers) handler.upsert(stored);
    return stored;
  }

  remove(name: string): void {
    const found = this.objects.get(name);
    if (found === undefined) return;
    this.objects.delete(name);
    const deleted = { ...found, metadata: { ...found.metadata, resourceVersion: String(++this.#version) } };
    for (const handler of this.#handlers) handler.delete(deleted);
  }

  #before(verb: string, name: string): void {
    this.writes.push(`${verb} ${name}`);
    const { meanwhile } = this;
    this.meanwhile = undefined;
    meanwhile?.();
  }
}

function refusal(code: number, reason: string): Error {
  const body = JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", message: reason, reason, code });
  return answerError({ method: "POST", path: "/x" }, { status: code, body });
}
