import { defineErrors } from "../../lib/errors.ts";

export const reconcileErrors = defineErrors({
  RELEASE_OWNED_BY_OTHER: {
    message: (f: { own: string; object: string; other: string }) =>
      `${f.object}: expected release "${f.own}" but resource is already owned by "${f.other}"`,
    todo: "Give one of the two releases another object name, or delete the object's present owner.",
  },
  RELEASE_OWN_DEFINITION: {
    message: (f: { object: string }) => `${f.object} defines what renders it, or is that itself`,
    todo: "Leave it out: it would belong to its own release, and be deleted with it.",
  },
  RELEASE_UNKNOWN_KIND: {
    message: (f: { object: string }) => `${f.object}: the API server does not serve this kind`,
    todo: "Install its CRD, or let the flight emit the CRD in an earlier stage.",
  },
  RELEASE_ROLL_INTERVAL_INVALID: {
    message: (f: { annotation: string; text: string }) => `annotation ${f.annotation}: "${f.text}" is no duration`,
    todo: "Write it as Go does, for example 90s, 10m or 1h30m; or remove the annotation.",
  },
  RELEASE_OVERRIDE_UNGUARDED: {
    message: (f: { annotation: string }) =>
      `annotation ${f.annotation}: without admission webhooks nobody asked whether its author may set it`,
    todo: "Give the controller SVC_NAME and SVC_NAMESPACE or WEBHOOK_URL, or remove the annotation.",
  },
  RELEASE_STATIC_UNGUARDED: {
    message: (_: Record<string, never>) => 'mode "static": without admission webhooks nothing would be denied',
    todo: "Give the controller SVC_NAME and SVC_NAMESPACE or WEBHOOK_URL, or choose standard or dynamic.",
  },
  RELEASE_RIGHTS_MISSING: {
    message: (f: { who: string; kinds: string; rules: readonly string[] }) =>
      `${f.who} lacks rights on ${f.kinds}; these RBAC rules give them: ${f.rules.join("; ")}`,
    todo: "Add the rules to a role that is bound to the account; the next look comes by itself within seconds.",
  },
  RELEASE_ACCOUNT_MISSING: {
    message: (f: { account: string }) => `there is no ServiceAccount ${f.account}`,
    todo: "Create it and bind it a role, or correct spec.serviceAccountName.",
  },
  RELEASE_IMPERSONATION_REFUSED: {
    message: (f: { account: string; detail: string }) =>
      `the controller may not act as ServiceAccount ${f.account}: ${f.detail}`,
    todo: "Bind it the verbs get and impersonate on that account, and impersonate on userextras/controller.atc.yoke.cd.",
  },
  FLIGHT_EXIT: {
    message: (f: { exitCode: number; stderr: string }) =>
      `the flight exited with ${f.exitCode}: ${f.stderr.trim() === "" ? "(it printed nothing to stderr)" : f.stderr.trim()}`,
    todo: "Fix what the flight complains about, in the instance or in the flight.",
  },
  FLIGHT_NOT_LOADED: {
    message: (f: { airway: string }) => `the flight of Airway ${f.airway} is not loaded`,
    todo: "See the Ready condition of the Airway.",
  },
  FLIGHT_BAD_INPUT_PATH: {
    message: (f: { path: string; at: string }) => `objectPath ${f.path}: ${f.at} is not an object`,
    todo: "Correct spec.objectPath of the Airway.",
  },
  RELEASE_REVISION_UNKNOWN: {
    message: (f: { revision: string; known: readonly string[] }) =>
      `this release has no revision "${f.revision}"; it has ${f.known.join(", ") || "none"}`,
    todo: "Name one of these in the annotation atc.yoke.cd/revision, or remove the annotation.",
  },
  RELEASE_REVISION_FORGED: {
    message: (f: { revision: string }) =>
      `the revision ${f.revision} was not stored by this controller, or was changed since`,
    todo: "Name another one of status.atc.revision; what yoke or a former installation stored is not applied.",
  },
  AIRWAY_MODULE_REFUSED: {
    message: (f: { what: "flight" | "converter"; url: string; why: string }) =>
      `failed to validate ${f.what} url "${f.url}": ${f.why}`,
    todo: "Correct the URL or checksum in spec.wasmUrls, or publish the module that they name.",
  },
  DRY_RUN_REFUSED: {
    message: (f: { problems: readonly string[] }) =>
      `the API server refuses ${f.problems.length} objects:\n${f.problems.map(problem => `  - ${problem}`).join("\n")}`,
    todo: "Correct what the messages name, in the object or in its flight.",
  },
});
