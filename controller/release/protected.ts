/**
 * What of the cluster is the controller's own, and no flight's to render: by its name alone, in any namespace, since
 * the first apply would already take it over.
 */
import { groupKind, type KubeObject } from "../kube/object.ts";

/** By kind, the names of objects that the controller keeps for itself, and what they are. */
const kept = new Map<string, readonly [names: RegExp, what: string]>([
  [
    "CustomResourceDefinition.apiextensions.k8s.io",
    [/^(airways|flights|clusterflights)\.yoke\.cd$/, "the controller's own kinds"],
  ],
  ["ValidatingWebhookConfiguration.admissionregistration.k8s.io", [/^atc-/, "the controller's webhooks"]],
  ["MutatingWebhookConfiguration.admissionregistration.k8s.io", [/^atc-/, "the controller's webhooks"]],
  ["Lease.coordination.k8s.io", [/^atc(-|$)/, "the election of the controller's leader"]],
  ["Secret", [/^(atc-|yoke\.)/, "the controller's keys and the revisions of releases"]],
]);

/** Revisions and locks carry such labels and annotations, whatever they are called. */
const internalPrefix = "internal.yoke/";

/** What the object would tamper with; undefined for what a flight may render. */
export function protectedPart(object: KubeObject): string | undefined {
  const [names, what] = kept.get(groupKind(object)) ?? [];
  if (names?.test(object.metadata.name)) return what;
  const { labels = {}, annotations = {} } = object.metadata;
  const forged = [...Object.keys(labels), ...Object.keys(annotations)].some(key => key.startsWith(internalPrefix));
  return forged ? "the revisions of releases" : undefined;
}
