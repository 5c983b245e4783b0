/** What can go wrong between the controller and the API server, and what to do about it. */
import { CodedError, defineErrors } from "../../lib/errors.ts";
import { isRecord, jsonOf, recordOf, recordsOf } from "../../lib/json.ts";

/** Facts about an answer that was not the wished one. */
interface Answer {
  method: string;
  path: string;
  /** The API server's own words, without any value of a Secret. */
  detail: string;
}

const said = (what: string) => (answer: Answer) => `${answer.method} ${answer.path}: ${what}: ${answer.detail}`;

export const kubeErrors = defineErrors({
  KUBE_CONFLICT: {
    message: said("the object is not the one that was expected (resourceVersion or uid differ)"),
    todo: "Read the object again and repeat the change on what is there now.",
  },
  KUBE_FIELD_CONFLICT: {
    message: said("another field manager owns these fields"),
    todo: "Apply with force to take the fields over, or leave them out.",
  },
  KUBE_ALREADY_EXISTS: {
    message: said("an object of this name exists already"),
    todo: "Use another name, or apply instead of create.",
  },
  KUBE_NOT_FOUND: {
    message: said("not found"),
    todo: "Create the object, or the namespace it should live in, first.",
  },
  KUBE_UNKNOWN_KIND: {
    message: (f: { apiVersion: string; kind: string }) => `the API server knows no ${f.kind} of ${f.apiVersion}`,
    todo: "Install the CustomResourceDefinition, or correct apiVersion and kind.",
  },
  KUBE_FORBIDDEN: {
    message: said("forbidden"),
    todo: "Grant the right with a Role or ClusterRole and its binding; the message names user, verb and resource.",
  },
  KUBE_UNAUTHENTICATED: {
    message: said("the API server did not accept the credentials"),
    todo: "Renew the client certificate or token in the kubeconfig, or check the service account's token.",
  },
  KUBE_INVALID: {
    message: said("the API server refused the object"),
    todo: "Correct the fields that the message names.",
  },
  KUBE_GONE: {
    message: said("the resourceVersion is not served (any more)"),
    todo: "List again; the controller does so by itself.",
  },
  KUBE_THROTTLED: {
    message: said("the API server asks to slow down"),
    todo: "Nothing to do if it passes; otherwise look at the API server's flow control and at who sends how much.",
  },
  KUBE_UNAVAILABLE: {
    message: said("the API server cannot answer"),
    todo: "See whether the API server and etcd run and are reachable; the controller keeps trying.",
  },
  KUBE_TLS: {
    message: said("no trusted connection"),
    todo: "Check certificate-authority, server and tls-server-name in the kubeconfig.",
  },
  KUBE_PROTOCOL: {
    message: said("the answer is not what a Kubernetes API server sends"),
    todo: "Check that the kubeconfig's server is an API server and that no proxy alters its answers.",
  },
  KUBE_STOPPED: {
    message: (f: { what: string }) => `${f.what} was stopped`,
    todo: "Nothing; the controller is shutting down.",
  },
  KUBE_NOT_LEADER: {
    message: (f: { method: string; path: string }) =>
      `${f.method} ${f.path}: not sent, because this replica does not lead (any more)`,
    todo: "Nothing; the replica that leads does the work. With one replica only, see why the Lease could not be renewed.",
  },
  KUBE_CONFIG_NONE: {
    message: () => "no way to an API server: no kubeconfig is named and this is no pod with a service account",
    todo: "Pass --kubeconfig, set KUBECONFIG, or run in a cluster with a service account.",
  },
  KUBE_CONFIG_UNREADABLE: {
    message: (f: { path: string; reason: string }) => `cannot read ${f.path}: ${f.reason}`,
    todo: "Check the path, its permissions and that it is YAML.",
  },
  KUBE_CONFIG_INVALID: {
    message: (f: { path: string; field: string; problem: string }) => `${f.path}: ${f.field}: ${f.problem}`,
    todo: "Correct the kubeconfig; `kubectl config view` shows what it means.",
  },
  KUBE_CONFIG_UNSUPPORTED: {
    message: (f: { path: string; field: string; problem: string }) => `${f.path}: ${f.field}: ${f.problem}`,
    todo: "Use a client certificate, a token or a token file, for example of a ServiceAccount.",
  },
});

export type KubeErrorCode = Extract<keyof typeof kubeErrors, `KUBE_${string}`>;

/** Codes whose message is made of an HTTP answer. */
type AnswerCode = {
  [Code in KubeErrorCode]: Parameters<(typeof kubeErrors)[Code]>[0] extends Answer ? Code : never;
}[KubeErrorCode];

/** One cause of a Status object: which field, and what is wrong with it. */
export interface StatusCause {
  reason?: string;
  field?: string;
  message?: string;
}

interface AnswerFacts {
  method: string;
  path: string;
  /** HTTP status; 0 when there was no answer. */
  status: number;
  /** `reason` of the Status object, for example `Conflict` or `NotFound`. */
  reason: string;
  causes: readonly StatusCause[];
  /** What Retry-After asked for. */
  retryAfterMs?: number | undefined;
  detail: string;
}

/** An answer of the API server that says no, or the lack of any. Test it with `isKubeError`. */
export class KubeError extends CodedError {
  readonly status: number;
  readonly reason: string;
  readonly causes: readonly StatusCause[];
  readonly retryAfterMs: number | undefined;

  constructor(code: AnswerCode, facts: AnswerFacts, cause?: unknown) {
    const row = kubeErrors[code](facts);
    super(code, row.message, row.todo, cause);
    this.name = "KubeError";
    this.status = facts.status;
    this.reason = facts.reason;
    this.causes = facts.causes;
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** Whether `error` is one of this room's errors, with one of `codes` if any are given. */
export function isKubeError<Code extends KubeErrorCode>(
  error: unknown,
  ...codes: readonly Code[]
): error is Code extends AnswerCode ? KubeError : CodedError {
  if (!(error instanceof CodedError)) return false;
  return codes.length === 0 ? error.code in kubeErrors : codes.some(code => code === error.code);
}

/** Whether it is about the moment, and about no object: the API server is in trouble, or this replica may not write now. */
export function isOfTheMoment(error: unknown): boolean {
  return isKubeError(error, "KUBE_UNAVAILABLE", "KUBE_THROTTLED", "KUBE_NOT_LEADER");
}

/** The answer is none that an API server gives. `detail` must not quote it. */
export function protocolError(request: { method: string; path: string }, detail: string): KubeError {
  const { method, path } = request;
  return new KubeError("KUBE_PROTOCOL", { method, path, status: 0, reason: "", causes: [], detail });
}

/** No answer came: refused, reset, timed out, not trusted, or this side was closed. */
export function connectionError(request: { method: string; path: string }, cause: unknown): CodedError {
  const code = errorCode(cause);
  if (code === "UND_ERR_DESTROYED" || code === "UND_ERR_CLOSED") {
    return kubeErrors.KUBE_STOPPED({ what: `the connection for ${request.method} ${request.path}` }, cause);
  }
  const untrusted = /CERT|TLS|SSL|ISSUER/.test(code);
  const detail = `${code === "" ? "" : `${code} `}${cause instanceof Error ? cause.message : String(cause)}`;
  return new KubeError(
    untrusted ? "KUBE_TLS" : "KUBE_UNAVAILABLE",
    { method: request.method, path: request.path, status: 0, reason: code, causes: [], detail },
    cause,
  );
}

function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** The error of an answer whose status is not 2xx. `body` is the API server's Status object, or whatever came. */
export function answerError(
  request: { method: string; path: string },
  answer: { status: number; headers?: Readonly<Record<string, string>>; body: string },
): KubeError {
  const told = readStatus(answer.body);
  const hideValues = /\/secrets(\/|$)/.test(request.path) && mayQuoteValues(answer.status);
  const causes = hideValues ? told.causes.map(({ message: _, ...cause }) => cause) : told.causes;
  const facts = {
    method: request.method,
    path: request.path,
    status: answer.status,
    reason: told.reason,
    causes,
    retryAfterMs: retryAfterMs(answer.headers?.["retry-after"] ?? told.retryAfterSeconds),
    detail: hideValues ? hiddenDetail(answer.status, told, causes) : told.message || `HTTP ${answer.status}`,
  };
  return new KubeError(codeOf(answer.status, told), facts);
}

/** The API server quotes the offending value when it refuses an object, and in internal errors of webhooks. */
function mayQuoteValues(status: number): boolean {
  return status === 400 || status === 422 || status >= 500;
}

function hiddenDetail(status: number, told: Told, causes: readonly StatusCause[]): string {
  const misTyped = /: (\.[^:]+): (expected \w+|field not declared in schema)/.exec(told.message);
  const misEncoded = /illegal base64 data/.exec(told.message);
  const fields = [
    ...causes.map(cause => `${cause.field ?? "?"} (${cause.reason ?? "refused"})`),
    ...(misTyped === null ? [] : [`${misTyped[1]} (${misTyped[2]})`]),
    ...(misEncoded === null ? [] : [`.data (${misEncoded[0]})`]),
  ].join(", ");
  return `HTTP ${status}; its words are hidden because they may quote the Secret${fields === "" ? "" : `; fields: ${fields}`}`;
}

interface Told {
  isStatus: boolean;
  reason: string;
  message: string;
  causes: StatusCause[];
  retryAfterSeconds?: string;
}

/** Reads a `Status` object (meta/v1); what is none gives an empty one. */
function readStatus(body: string): Told {
  const nothing: Told = { isStatus: false, reason: "", message: body.trim().slice(0, 200), causes: [] };
  const value = jsonOf(body);
  if (value === undefined) return nothing;
  if (!isRecord(value) || value["kind"] !== "Status") return { ...nothing, message: "" };
  const details = recordOf(value["details"]);
  const seconds = details["retryAfterSeconds"];
  return {
    isStatus: true,
    reason: text(value["reason"]),
    message: withoutSegments(text(value["message"])),
    causes: recordsOf(details["causes"]).map(readCause),
    ...(typeof seconds === "number" ? { retryAfterSeconds: String(seconds) } : {}),
  };
}

function readCause(cause: Record<string, unknown>): StatusCause {
  const read: StatusCause = {};
  for (const key of ["reason", "field", "message"] as const) {
    if (typeof cause[key] === "string") read[key] = withoutSegments(cause[key]);
  }
  return read;
}

/** The API server quotes the URLs of webhooks that fail, and such a segment in their paths is secret (decision 0009). */
function withoutSegments(words: string): string {
  return words.replace(/\/[0-9a-f]{64}(?=\/)/g, "/…");
}

function codeOf(status: number, told: Told): AnswerCode {
  // A resourceVersion from the future: etcd was restored, or another API server is behind.
  if (told.causes.some(cause => cause.reason === "ResourceVersionTooLarge")) return "KUBE_GONE";
  if (status === 409) return conflictCode(told);
  if (refusedPatch.test(told.message)) return "KUBE_INVALID";
  const known = codeByStatus[status];
  if (known !== undefined) return known;
  return status >= 400 && status < 500 ? "KUBE_INVALID" : "KUBE_UNAVAILABLE";
}

/** Server-side apply answers 500 for an object that does not fit its type (seen with Kubernetes 1.34). */
const refusedPatch = /^failed to (create typed patch|convert new) object /;

/** Whether the same request would be refused again, although its status says that the server is at fault. */
export function isRefusedPatch(body: string): boolean {
  return refusedPatch.test(readStatus(body).message);
}

const codeByStatus: Readonly<Record<number, AnswerCode>> = {
  401: "KUBE_UNAUTHENTICATED",
  403: "KUBE_FORBIDDEN",
  404: "KUBE_NOT_FOUND",
  410: "KUBE_GONE",
  429: "KUBE_THROTTLED",
};

function conflictCode(told: Told): AnswerCode {
  if (told.reason === "AlreadyExists") return "KUBE_ALREADY_EXISTS";
  return told.causes.some(cause => cause.reason === "FieldManagerConflict") ? "KUBE_FIELD_CONFLICT" : "KUBE_CONFLICT";
}

/** A 404 without a Status object means that the whole path, thus the kind, is not served. */
export function isMissingPath(status: number, body: string): boolean {
  return status === 404 && !readStatus(body).isStatus;
}

/** Retry-After in seconds (the only form that Kubernetes sends), as milliseconds. */
export function retryAfterMs(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,6}$/.test(value.trim()) ? Number(value) * 1000 : undefined;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
