/**
 * AdmissionReview, `admission.k8s.io/v1`: the API server's question and our answer.
 * Source: Kubernetes API reference, "Dynamic Admission Control".
 */
import { z } from "zod";
import type { KubeObject } from "../kube/object.ts";
import { admissionErrors } from "./errors.ts";

export interface UserInfo {
  readonly username: string;
  readonly uid?: string | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly extra?: Readonly<Record<string, readonly string[]>> | undefined;
}

export interface AdmissionRequest {
  readonly uid: string;
  readonly operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT";
  readonly userInfo: UserInfo;
  readonly resource: { readonly group: string; readonly version: string; readonly resource: string };
  readonly subResource: string;
  readonly namespace: string;
  /** Empty where the API server makes it up. */
  readonly name: string;
  /** As it would be stored; undefined for DELETE. */
  readonly object: KubeObject | undefined;
  /** As it is; undefined for CREATE. */
  readonly oldObject: KubeObject | undefined;
  readonly dryRun: boolean;
}

/** What a client reads: HTTP 400 with `admission webhook "<name>" denied the request: <message>`. */
export type Verdict =
  | { readonly allowed: true; readonly warnings?: readonly string[] }
  | { readonly allowed: false; readonly reason: Reason; readonly message: string };

export type Reason = "BadRequest" | "Forbidden" | "Invalid" | "InternalError";

export const allowed: Verdict = { allowed: true };

export function denied(reason: Reason, message: string): Verdict {
  return { allowed: false, reason, message };
}

const strings = z.record(z.string(), z.string()).nullish();

/** Only what is read of it; the API server has checked the rest. */
const object = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string().default(""),
    namespace: z.string().optional(),
    uid: z.string().optional(),
    generation: z.number().optional(),
    deletionTimestamp: z.string().optional(),
    labels: strings,
    annotations: strings,
  }),
});

const review = z.object({
  apiVersion: z.literal("admission.k8s.io/v1"),
  kind: z.literal("AdmissionReview"),
  request: z.object({
    uid: z.string().min(1),
    operation: z.enum(["CREATE", "UPDATE", "DELETE", "CONNECT"]),
    userInfo: z.object({
      username: z.string().default(""),
      uid: z.string().optional(),
      groups: z.array(z.string()).nullish(),
      extra: z.record(z.string(), z.array(z.string())).nullish(),
    }),
    resource: z.object({ group: z.string(), version: z.string(), resource: z.string() }),
    subResource: z.string().default(""),
    namespace: z.string().default(""),
    name: z.string().default(""),
    object: object.nullish(),
    oldObject: object.nullish(),
    dryRun: z.boolean().nullish(),
  }),
});

/** @throws ADMISSION_REVIEW_INVALID, which quotes no value of it */
export function parseReview(body: string): AdmissionRequest {
  const parsed = review.safeParse(parseBody(body, "AdmissionReview"));
  if (!parsed.success) throw invalid("AdmissionReview", parsed.error);
  const { userInfo, object: next, oldObject, dryRun, ...rest } = parsed.data.request;
  return {
    ...rest,
    userInfo: { ...userInfo, groups: userInfo.groups ?? undefined, extra: userInfo.extra ?? undefined },
    object: (next ?? undefined) as KubeObject | undefined,
    oldObject: (oldObject ?? undefined) as KubeObject | undefined,
    dryRun: dryRun === true,
  };
}

export function reviewResponse(uid: string, verdict: Verdict): Record<string, unknown> {
  const response = verdict.allowed
    ? { uid, allowed: true, ...(verdict.warnings === undefined ? {} : { warnings: verdict.warnings.map(shortened) }) }
    : { uid, allowed: false, status: { status: "Failure", reason: verdict.reason, message: verdict.message } };
  return { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response };
}

/** Longer ones the API server cuts off (256 characters each, 4096 together). */
function shortened(warning: string): string {
  const line = warning.replaceAll(/\s+/g, " ");
  return line.length <= 250 ? line : `${line.slice(0, 249)}…`;
}

export function parseBody(body: string, what: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw admissionErrors.ADMISSION_REVIEW_INVALID({ what, problem: "it is no JSON" });
  }
}

export function invalid(what: string, error: z.ZodError): Error {
  const issue = error.issues[0];
  const path = (issue?.path ?? []).map(String).join(".");
  const problem = `${path === "" ? "it" : path}: ${issue?.message ?? "is not valid"}`;
  return admissionErrors.ADMISSION_REVIEW_INVALID({ what, problem });
}
