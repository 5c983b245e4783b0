/** The beginning and the end of an owner: its finalizer, and the removal of its release before it goes. */

import { controllerName } from "../kube/controllerName.ts";
import { isKubeError } from "../kube/errors.ts";
import type { KubeObject } from "../kube/object.ts";
import type { Context, ReleaseState } from "./context.ts";
import { describe } from "./explain.ts";
import { removeHistory } from "./history.ts";
import { type Owner, refOfOwner, releaseFinalizer } from "./owner.ts";
import { removeLeaving } from "./removal.ts";
import { tellProblem } from "./tell.ts";

/** Finalizer and owner reference in one write. False when the object changed meanwhile. */
export async function adopt(context: Context, owner: Owner, object: KubeObject): Promise<boolean> {
  const { finalizers = [], ownerReferences = [], resourceVersion } = object.metadata;
  const { reference } = owner;
  const referred = reference === undefined || ownerReferences.some(({ uid }) => uid === reference.uid);
  if (referred && finalizers.includes(releaseFinalizer)) return true;
  return patchMetadata(context, owner, object, {
    resourceVersion,
    finalizers: [...new Set([...finalizers, releaseFinalizer])],
    ...(referred ? {} : { ownerReferences: [...ownerReferences, reference] }),
  });
}

/** Takes the next step of the removal. `stale`: the object changed meanwhile. */
export async function endRelease(
  context: Context,
  owner: Owner,
  object: KubeObject,
  state: ReleaseState,
): Promise<"done" | "waiting" | "stale"> {
  const { finalizers = [], resourceVersion } = object.metadata;
  if (!finalizers.includes(releaseFinalizer)) return "done";
  const { key, name, access } = owner;
  const { inventory } = state.record;
  const removal = {
    key,
    name,
    prune: owner.prune(object),
    draft: access.index.begin(key),
    inventory,
    keys: new Set<string>(),
    uid: object.metadata.uid ?? "",
  };
  const { pending } = await removeLeaving({ ...access, metrics: context.metrics }, removal).catch(
    async (error: unknown) => {
      if (!isKubeError(error, "KUBE_FORBIDDEN") || !(await isNamespaceEnding(context, owner, object))) throw error;
      return { pending: [] };
    },
  );
  if (pending.length > 0) {
    const message = `waiting for ${pending.map(describe).join(", ")} to be gone`;
    const ready = { status: "False", reason: "Terminating", message } as const;
    await tellProblem(context, owner, object, state, { ready, stated: "nothing" });
    return "waiting";
  }
  await removeHistory(context, { object, name, state });
  const rest = finalizers.filter(finalizer => finalizer !== releaseFinalizer);
  return (await patchMetadata(context, owner, object, { resourceVersion, finalizers: rest })) ? "done" : "stale";
}

/**
 * A namespace that ends takes the rights of its accounts with it, before the objects or after. Those it takes, too, so
 * the owner need not wait for them.
 */
async function isNamespaceEnding({ client }: Context, { access }: Owner, { metadata }: KubeObject): Promise<boolean> {
  const { namespace = "" } = metadata;
  if (access.account === undefined || namespace === "") return false;
  const ref = { apiVersion: "v1", kind: "Namespace", namespace: "", name: namespace };
  const found = await client.get(ref, { metadataOnly: true }).catch((error: unknown) => {
    if (!isKubeError(error, "KUBE_FORBIDDEN")) throw error;
  });
  return found?.metadata.deletionTimestamp !== undefined;
}

async function patchMetadata(
  context: Context,
  owner: Owner,
  object: KubeObject,
  metadata: Record<string, unknown>,
): Promise<boolean> {
  try {
    const options = { type: "merge", fieldManager: controllerName } as const;
    const patched = await context.client.patch(refOfOwner(owner, object), { metadata }, options);
    if (patched.metadata.deletionTimestamp === undefined) owner.observe(patched);
    return true;
  } catch (error) {
    if (isKubeError(error, "KUBE_CONFLICT", "KUBE_NOT_FOUND")) return false;
    throw error;
  }
}
