/** The Secrets of a release's revisions: named, read, listed, deleted. What is in them says `release/revision.ts`. */

import { isKubeError } from "../kube/errors.ts";
import type { KubeObject, ObjectRef } from "../kube/object.ts";
import { isRevisionOf, revisionSelector } from "../release/revision.ts";
import type { HistoryContext, Subject } from "./history.ts";

type Client = Pick<HistoryContext, "client">;
type Name = Pick<Subject, "name">;

export function secretRef({ name }: Name, revision: string): ObjectRef {
  return { apiVersion: "v1", kind: "Secret", namespace: name.namespace, name: revision };
}

/** Undefined also where the right to read is missing: history then begins anew, and the write tells what is wrong. */
export async function readRevisionSecret(
  { client }: Client,
  subject: Name,
  revision: string,
  options: { metadataOnly?: boolean } = {},
): Promise<KubeObject | undefined> {
  try {
    return await client.get(secretRef(subject, revision), options);
  } catch (error) {
    if (isKubeError(error, "KUBE_FORBIDDEN")) return undefined;
    throw error;
  }
}

/** Without their content. */
export async function listRevisionSecrets({ client }: Client, { name }: Name): Promise<KubeObject[]> {
  const type = await client.discovery.resolve("v1", "Secret");
  if (type === undefined) return [];
  const labelSelector = revisionSelector(name.history);
  const { items } = await client.list(type, { namespace: name.namespace, labelSelector, metadataOnly: true });
  return items.filter(object => isRevisionOf(object, name.history));
}

/** The record can be forged: only what says itself that it is a revision of this release is deleted. */
export async function removeRevisionSecret({ client }: Client, subject: Name, revision: string): Promise<void> {
  const ref = secretRef(subject, revision);
  const found = await client.get(ref, { metadataOnly: true });
  if (found === undefined || !isRevisionOf(found, subject.name.history)) return;
  const { uid } = found.metadata;
  await client.delete(ref, uid === undefined ? {} : { uid });
}
