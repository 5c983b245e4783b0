import { defineErrors } from "../../lib/errors.ts";

/** What can be wrong with what a flight rendered, and with bringing it into the cluster. Never a rendered value. */
export const errors = defineErrors({
  RELEASE_OUTPUT_EMPTY: {
    message: (_: Record<string, never>) => "the flight's output is empty",
    todo: "Print the objects as JSON or YAML; a release without objects is an empty list: [].",
  },
  RELEASE_OUTPUT_UNREADABLE: {
    message: (f: { why: string }) => `the flight's output is neither JSON nor YAML: ${f.why}`,
    todo: "Print nothing but the objects to stdout; messages belong on stderr.",
  },
  RELEASE_OUTPUT_SHAPE: {
    message: (f: { where: string; found: string }) =>
      `input must be resource, list of resources, or list of list of resources: ${f.where} is ${f.found}`,
    todo: "Print one object, a list of objects (one stage), or a list of such lists (stages in their order).",
  },
  RELEASE_OUTPUT_TOO_LARGE: {
    message: (f: { what: string; limit: number }) => `the flight's output is too large: more than ${f.limit} ${f.what}`,
    todo: "Render fewer or smaller objects, or split the instance.",
  },
  RELEASE_OBJECT_INVALID: {
    message: (f: { where: string; path: string; problem: string }) =>
      `the flight's output, ${f.where}: ${f.path} ${f.problem}`,
    todo: "Correct the object in the flight.",
  },
  RELEASE_OBJECT_DUPLICATE: {
    message: (f: { object: string }) => `the flight's output contains ${f.object} more than once`,
    todo: "Render each object once.",
  },
  RELEASE_OBJECT_PROTECTED: {
    message: (f: { object: string; part: string }) => `the flight rendered ${f.object}, which belongs to ${f.part}`,
    todo: "Give the object another name, or leave it out: no flight may change what the controller runs on.",
  },
  RELEASE_NAMESPACE_FOREIGN: {
    message: (f: { namespace: string; offenders: readonly string[] }) =>
      `Multiple namespaces detected (if desired enable multinamespace releases): this release may only use ` +
      `"${f.namespace}", but the flight rendered ${f.offenders.join(", ")}`,
    todo: "Leave metadata.namespace out, or give the Airway's kind the scope Cluster.",
  },
  RELEASE_RECORD_TOO_LARGE: {
    message: (f: { objects: number; lookups: number; bytes: number; limit: number }) =>
      `the record of ${f.objects} objects and ${f.lookups} lookups takes ${f.bytes} bytes of the instance's status, ` +
      `more than the ${f.limit} that etcd has room for`,
    todo: "Split the instance into several, each with fewer objects.",
  },
  RELEASE_KIND_UNKNOWN: {
    message: (f: { apiVersion: string; kind: string; object: string }) =>
      `the flight's output, ${f.object}: the cluster has no kind ${f.kind} in ${f.apiVersion}`,
    todo: "Install its CustomResourceDefinition, render it in the same output, or correct apiVersion and kind.",
  },
  RELEASE_READINESS_INVALID: {
    message: (f: { where: string; problem: string }) => `${f.where}: ${f.problem}`,
    todo: "Name a kind by Kind.group, or all of a group by _.group, and the condition types that must hold, separated by spaces.",
  },
  RELEASE_READINESS_LUA: {
    message: (f: { where: string }) => `${f.where}: readiness in Lua is not supported`,
    todo: "Label a ConfigMap with resource.yoke.cd/readiness: conditions, and name the condition types that must hold.",
  },
  RELEASE_REVISION_TOO_LARGE: {
    message: (f: { objects: number; bytes: number; limit: number }) =>
      `the revision of ${f.objects} objects takes ${f.bytes} bytes, more than the ${f.limit} that a Secret has room for`,
    todo: "Split the instance into several, each with fewer objects; until then it rolls without history.",
  },
  RELEASE_REVISION_UNREADABLE: {
    message: (f: { name: string; why: string }) => `the revision ${f.name} cannot be read: ${f.why}`,
    todo: "Delete that Secret and name another revision.",
  },
});
