/** Who the controller is to the API server, whatever its kubeconfig or pod says (SelfSubjectReview, Kubernetes 1.28). */
import type { KubeClient } from "../kube/client.ts";
import { controllerName } from "../kube/controllerName.ts";
import { admissionErrors } from "./errors.ts";

/** @throws ADMISSION_UNAUTHENTICATED */
export async function ownUsername(client: Pick<KubeClient, "create">): Promise<string> {
  const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview", metadata: { name: "" } };
  const { status } = await client.create(review, { fieldManager: controllerName });
  const { userInfo } = (status ?? {}) as { userInfo?: { username?: string } };
  if (!userInfo?.username) throw admissionErrors.ADMISSION_UNAUTHENTICATED({});
  return userInfo.username;
}
