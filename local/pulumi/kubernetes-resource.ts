/** Any Kubernetes object as a Pulumi resource: server-side apply, readiness, deletion. */
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { CodedError } from "../../lib/errors.ts";
import { errors } from "./errors.ts";
import { type KubernetesClient, KubernetesRefusal, type ObjectAddress } from "./kubernetes-client.ts";
import {
  annotationsOf,
  fromApi,
  idOf,
  importedInputs,
  keepsName,
  liveInputs,
  type Mutability,
  metadataOf,
  named,
  normalizedSecret,
  parseId,
  parseType,
  propagationOf,
  replacesObject,
  toApi,
} from "./kubernetes-object.ts";
import { readiness } from "./kubernetes-ready.ts";
import { type CallContext, NotReadyError, type Resource } from "./provider.ts";
import { hasUnknown, type Properties, UNKNOWN } from "./wire.ts";

const TIMEOUT_SECONDS = 600;
const POLL_MS = 250;
const MAX_POLL_MS = 1_500;
const KIND_WAIT_MS = 30_000;

export interface ObjectSettings {
  readonly client: KubernetesClient;
  /** For objects of namespaced kinds that name none. */
  readonly namespace: string;
  readonly mutability: Mutability;
  readonly upsert: boolean;
  readonly force: boolean;
  readonly deleteUnreachable: boolean;
}

const isUnreachable = (error: unknown): boolean =>
  error instanceof CodedError && error.code === "KUBERNETES_UNREACHABLE";

/** Kinds of Kubernetes itself are known before the update; a custom kind may change in the same update. */
const isBuiltIn = (apiVersion: string): boolean => {
  const group = apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "";
  return !group.includes(".") || group.endsWith(".k8s.io");
};

/** Runs `look` with growing pauses until it answers, or the signal ends the wait. */
async function poll<Answer>(
  look: () => Promise<Answer | undefined>,
  signal: AbortSignal,
  onEnd: () => Error,
): Promise<Answer> {
  for (let pause = POLL_MS; ; pause = Math.min(pause * 1.5, MAX_POLL_MS)) {
    try {
      const answer = await look();
      if (answer !== undefined) return answer;
      await delay(pause, undefined, { signal });
    } catch (error) {
      if (signal.aborted) throw onEnd();
      throw error;
    }
  }
}

/** State of an object: the live one, and what the next diff and the next apply need (keys as in the official plugin). */
function checkpoint(live: Properties, inputs: Properties, fieldManager: string): Properties {
  const { managedFields: _, ...metadata } = metadataOf(live);
  return {
    ...fromApi({ ...live, metadata }),
    __inputs: inputs,
    __initialApiVersion: inputs.apiVersion ?? live.apiVersion ?? "",
    __fieldManager: fieldManager,
  };
}

export function objectResource(token: string, settings: ObjectSettings): Resource {
  const { client } = settings;
  const ofType = parseType(token);

  async function locate(object: Properties, id: string | undefined, signal: AbortSignal): Promise<ObjectAddress> {
    const apiVersion = String(object.apiVersion ?? ofType.apiVersion);
    const kind = String(object.kind ?? ofType.kind);
    const type = await client.find(apiVersion, kind, signal);
    if (type === undefined) throw errors.KUBERNETES_KIND_MISSING({ apiVersion, kind });
    const parsed = parseId(id ?? "");
    const metadata = metadataOf(object);
    const namespace = String(metadata.namespace ?? parsed.namespace ?? settings.namespace);
    return { type, namespace, name: String(metadata.name ?? parsed.name) };
  }

  /** As `locate`, for a custom resource whose CRD was created a moment ago. */
  function locateSoon(object: Properties, signal: AbortSignal): Promise<ObjectAddress> {
    const { apiVersion, kind } = object;
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(KIND_WAIT_MS)]);
    const missing = () => errors.KUBERNETES_KIND_MISSING({ apiVersion: String(apiVersion), kind: String(kind) });
    return poll(
      async () => {
        const type = await client.find(String(apiVersion), String(kind), bounded);
        return type && locate(object, undefined, bounded);
      },
      bounded,
      missing,
    );
  }

  const fieldManagerOf = (inputs: Properties, state: Properties | undefined): string =>
    String(
      annotationsOf(inputs)["pulumi.com/patchFieldManager"] ??
        state?.__fieldManager ??
        `pulumi-kubernetes-${randomBytes(4).toString("hex")}`,
    );

  async function apply(
    address: ObjectAddress,
    inputs: Properties,
    fieldManager: string,
    dryRun: boolean,
    signal: AbortSignal,
  ): Promise<Properties> {
    const metadata = { ...metadataOf(inputs), name: address.name };
    const object = toApi({ ...inputs, metadata });
    if (!address.type.namespaced) delete (object.metadata as Properties).namespace;
    const force = settings.force || annotationsOf(inputs)["pulumi.com/patchForce"] === "true";
    const send = (forced: boolean) => client.apply(address, object, { fieldManager, force: forced, dryRun }, signal);
    return await send(force).catch((error: unknown) => {
      // Fields that kubectl or an earlier, interrupted update wrote are Pulumi's to take; a controller's are not.
      const managers = error instanceof KubernetesRefusal ? error.conflictingManagers : [];
      const ours = managers.length > 0 && managers.every(name => /^(kubectl|pulumi-kubernetes)/.test(name));
      if (!ours) throw error;
      return send(true);
    });
  }

  /** Waits until the object is ready. Its state is kept when the wait fails. */
  async function settle(
    address: ObjectAddress,
    applied: Properties,
    inputs: Properties,
    fieldManager: string,
    context: CallContext,
  ): Promise<Properties> {
    const check = readiness(inputs);
    const kind = address.type.kind;
    let live = applied;
    let missing = "";
    const notReady = () => {
      const error = errors.KUBERNETES_NOT_READY({ kind, id: idOf(live), missing }, context.signal.reason);
      return new NotReadyError({ id: idOf(live), outputs: checkpoint(live, inputs, fieldManager) }, error);
    };
    const look = async (): Promise<Properties | undefined> => {
      const verdict = check(live);
      if (verdict === undefined) return live;
      if (verdict.missing !== missing) context.log("info", `waiting: ${verdict.missing}`, true);
      missing = verdict.missing;
      if (verdict.failed) throw notReady();
      live = (await client.get(address, context.signal)) ?? live;
      return check(live) === undefined ? live : undefined;
    };
    return checkpoint(await poll(look, context.signal, notReady), inputs, fieldManager);
  }

  return {
    timeoutSeconds(inputs) {
      const seconds = Number(annotationsOf(inputs)["pulumi.com/timeoutSeconds"]);
      return seconds > 0 ? seconds : TIMEOUT_SECONDS;
    },

    async check(tagged, context) {
      const inputs = normalizedSecret(named(tagged, context));
      if (inputs.kind !== undefined && String(inputs.kind) !== ofType.kind) {
        // A …Patch resource: a kind under another name.
        throw errors.PULUMI_TYPE_UNKNOWN({ package: "kubernetes", token });
      }
      const metadata = metadataOf(inputs);
      if (inputs.metadata === UNKNOWN || metadata.namespace !== undefined) return inputs;
      // An unknown kind is a custom one whose CRD does not exist yet: most have namespaces.
      const type = await client
        .find(String(inputs.apiVersion), String(inputs.kind), context.signal)
        .catch((error: unknown) => {
          if (isUnreachable(error)) return undefined;
          throw error;
        });
      if (type?.namespaced === false) return inputs;
      return { ...inputs, metadata: { ...metadata, namespace: settings.namespace } };
    },

    replaces: (path, olds, news) => replacesObject(path, olds, news, settings.mutability),
    deleteBeforeReplace: keepsName,
    secretOutputs: inputs => (inputs.kind === "Secret" ? ["data", "stringData"] : []),

    async preview(inputs, state, context) {
      const metadata = { ...metadataOf(state ?? {}), ...metadataOf(inputs) };
      const computed = { uid: state === undefined ? UNKNOWN : (metadata.uid ?? UNKNOWN), resourceVersion: UNKNOWN };
      const status = state?.status ?? UNKNOWN;
      const guess = { ...inputs, metadata: { ...metadata, ...computed }, status };
      if (hasUnknown(inputs)) return guess;
      try {
        const address = await locate(inputs, undefined, context.signal);
        const applied = await apply(address, inputs, fieldManagerOf(inputs, state), true, context.signal);
        const { managedFields: _, ...shown } = metadataOf(applied);
        return { ...fromApi(applied), metadata: { ...shown, ...computed }, status };
      } catch (error) {
        const invalid = error instanceof KubernetesRefusal && [400, 422].includes(error.status);
        if (invalid && isBuiltIn(String(inputs.apiVersion))) throw error;
        // The namespace or the CRD may come in the same update, and the cluster may not run yet.
        return guess;
      }
    },

    async create(inputs, context) {
      const address = await locateSoon(inputs, context.signal);
      const fieldManager = fieldManagerOf(inputs, undefined);
      if (!settings.upsert && (await client.get(address, context.signal)) !== undefined) {
        throw errors.KUBERNETES_EXISTS({ kind: address.type.kind, id: idOf(inputs) });
      }
      const applied = await apply(address, inputs, fieldManager, false, context.signal);
      return { id: idOf(applied), outputs: await settle(address, applied, inputs, fieldManager, context) };
    },

    async update(id, inputs, state, context) {
      const address = await locate(inputs, id, context.signal);
      const fieldManager = fieldManagerOf(inputs, state);
      const applied = await apply(address, inputs, fieldManager, false, context.signal);
      return settle(address, applied, inputs, fieldManager, context);
    },

    async read(id, state, inputs, context) {
      try {
        const address = await locate({ ...state, ...inputs }, id, context.signal);
        const live = await client.get(address, context.signal);
        if (live === undefined) return undefined;
        const known = Object.keys(inputs).length > 0;
        const now = known ? liveInputs(inputs, state, fromApi(live)) : importedInputs(live);
        return { id, inputs: now, outputs: checkpoint(live, now, fieldManagerOf(now, state)) };
      } catch (error) {
        if (error instanceof CodedError && error.code === "KUBERNETES_KIND_MISSING") return undefined;
        if (settings.deleteUnreachable && isUnreachable(error)) return undefined;
        throw error;
      }
    },

    async delete(id, state, _inputs, context) {
      const uid = metadataOf(state).uid;
      try {
        const address = await locate(state, id, context.signal);
        const propagation = propagationOf(state);
        const options = { uid: typeof uid === "string" ? uid : undefined, propagation };
        if (!(await client.remove(address, options, context.signal))) return;
        let live: Properties | undefined;
        await poll(
          async () => {
            live = await client.get(address, context.signal);
            return live === undefined || metadataOf(live).uid !== uid || undefined;
          },
          context.signal,
          () => {
            const finalizers = metadataOf(live ?? {}).finalizers;
            const names = Array.isArray(finalizers) ? finalizers.join(", ") : "none";
            return errors.KUBERNETES_NOT_GONE({ kind: address.type.kind, id, finalizers: names });
          },
        );
      } catch (error) {
        if (error instanceof CodedError && error.code === "KUBERNETES_KIND_MISSING") return;
        if (!settings.deleteUnreachable || !isUnreachable(error)) throw error;
        context.log("warning", `${id} is forgotten: the API server does not answer`);
      }
    },
  };
}
