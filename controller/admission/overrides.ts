/** The override annotations of an instance (contract §2.5; the revision is ours), and who may set them. */
import { isMode, type Mode } from "../airway/spec.ts";
import type { KubeClient } from "../kube/client.ts";
import { controllerName } from "../kube/controllerName.ts";
import type { KubeObject } from "../kube/object.ts";
import { revisionAnnotation } from "../release/revision.ts";
import { type AdmissionRequest, denied, type UserInfo, type Verdict } from "./review.ts";

export const overrideFlight = "overrides.yoke.cd/flight";
export const overrideMode = "overrides.yoke.cd/mode";
export const overrideAnnotations = [overrideFlight, overrideMode, revisionAnnotation] as const;

/** Whether somebody may do what the controller does not decide itself. */
export type Access = (user: UserInfo) => Promise<boolean>;

/** Denied when the request sets, changes or removes an override and the user may not update Airways. */
export async function gate(request: AdmissionRequest, mayOverride: Access): Promise<Verdict | undefined> {
  if (!changesOverride(request) || (await mayOverride(request.userInfo))) return undefined;
  return denied("Forbidden", "user does not have permissions to create or update override annotations");
}

function changesOverride({ object, oldObject }: AdmissionRequest): boolean {
  return overrideAnnotations.some(name => annotationOf(object, name) !== annotationOf(oldObject, name));
}

/** A valid annotation wins; any other text means nothing. */
export function effectiveMode(mode: Mode, instance: KubeObject): Mode {
  const override = annotationOf(instance, overrideMode);
  return isMode(override) ? override : mode;
}

export function annotationOf(object: KubeObject | undefined, name: string): string {
  return object?.metadata.annotations?.[name] ?? "";
}

/** Asks the API server (SubjectAccessReview) whether a user may update Airways. */
export function airwayAccess(client: Pick<KubeClient, "create">): Access {
  const resourceAttributes = { verb: "update", group: "yoke.cd", version: "v1alpha1", resource: "airways" };
  return async ({ username, uid, groups, extra }) => {
    const review = {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SubjectAccessReview",
      metadata: { name: "" },
      spec: { user: username, uid, groups, extra, resourceAttributes },
    };
    const { status } = await client.create(review, { fieldManager: controllerName });
    return (status as { allowed?: boolean } | undefined)?.allowed === true;
  };
}
