import { defineErrors } from "../../lib/errors.ts";

/** What can be wrong with a command, or with what it was given. */
export const errors = defineErrors({
  CLI_USAGE: {
    message: (f: { problem: string }) => f.problem,
    todo: "See atc --help, or atc <command> --help.",
  },
  CLI_FILE_UNREADABLE: {
    message: (f: { path: string; why: string }) => `${f.path} cannot be read: ${f.why}`,
    todo: "Name a file or a folder that exists, or - for the standard input.",
  },
  CLI_FILE_INVALID: {
    message: (f: { path: string; why: string }) => `${f.path}: ${f.why}`,
    todo: "Write Kubernetes objects as YAML or JSON, each with apiVersion, kind and metadata.name.",
  },
  CLI_KIND_UNKNOWN: {
    message: (f: { kind: string }) => `the API server serves no kind "${f.kind}"`,
    todo: "Name it as kubectl api-resources does, for example backends.examples.com; is the Airway ready?",
  },
  CLI_OBJECT_MISSING: {
    message: (f: { object: string }) => `there is no ${f.object}`,
    todo: "Check the name, the namespace (-n) and the cluster (--context, --kubeconfig).",
  },
  CLI_NO_RELEASE: {
    message: (f: { object: string }) => `${f.object} owns no release, and belongs to none`,
    todo: "Name an instance of an Airway's kind, a Flight, a ClusterFlight, or an object that one of them rendered.",
  },
  CLI_AIRWAY_MISSING: {
    message: (f: { object: string }) => `no Airway defines the kind of ${f.object}`,
    todo: "Give the Airway with -f, too; or take it from a cluster with --live.",
  },
  CLI_NOTHING_GIVEN: {
    message: (f: { what: string }) => `there is nothing to ${f.what} among what was given`,
    todo: "Give an instance of an Airway's kind together with its Airway, a Flight or a ClusterFlight.",
  },
  CLI_REVISION_UNKNOWN: {
    message: (f: { object: string; revision: string; known: readonly string[] }) =>
      `${f.object} has no revision "${f.revision}"; it has ${f.known.join(", ") || "none"}`,
    todo: "See atc history; a revision is named by its number or its name.",
  },
  CLI_NOTHING_BEFORE: {
    message: (f: { object: string }) => `${f.object} has no revision before the active one`,
    todo: "See atc history; spec.historyCapSize of the Airway says how many are kept.",
  },
  CLI_NOT_CONFIRMED: {
    message: () => "nothing was changed, because nobody said yes",
    todo: "Answer y, or give -y where nobody can be asked.",
  },
});
