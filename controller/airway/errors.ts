import { defineErrors } from "../../lib/errors.ts";

/** What can be wrong with an Airway or a Flight. `airway` is its name, `of` kind and name, `path` the field, as in the manifest. */
export const errors = defineErrors({
  AIRWAY_FIELD_INVALID: {
    message: (f: { of: string; path: string; problem: string }) => `${f.of}: ${f.path}: ${f.problem}`,
    todo: "Correct the field; `kubectl explain <kind>.spec --recursive` lists what is accepted.",
  },
  AIRWAY_DURATION_INVALID: {
    message: (f: { of: string; path: string; text: string }) => `${f.of}: ${f.path}: "${f.text}" is not a duration`,
    todo: 'Write a Go duration such as "500ms", "10s" or "1m30s"; a plain number has no unit.',
  },
  AIRWAY_MODE_UNKNOWN: {
    message: (f: { airway: string; mode: string }) => `Airway ${f.airway}: spec.mode: there is no mode "${f.mode}"`,
    todo: "Choose standard, static, dynamic or subscription.",
  },
  AIRWAY_STATIC_NEEDS_ADMISSION: {
    message: (f: { airway: string }) =>
      `Airway ${f.airway}: spec.mode: "static" needs webhooks, and the API server has no way to this controller's; nothing would be denied`,
    todo: "Set SVC_NAME and SVC_NAMESPACE, or on loopback WEBHOOK_URL, of the controller; or choose another mode.",
  },
  AIRWAY_CONVERTER_NEEDS_ADMISSION: {
    message: (f: { airway: string }) =>
      `Airway ${f.airway}: spec.wasmUrls.converter: conversion needs webhooks, and the API server has no way to this controller's`,
    todo: "Set SVC_NAME and SVC_NAMESPACE, or on loopback WEBHOOK_URL, of the controller; or keep versions with one schema.",
  },
  AIRWAY_WEBHOOKS_REFUSED: {
    message: (f: { airway: string; problem: string }) =>
      `Airway ${f.airway}: nothing reviews its instances, because its webhooks could not be registered: ${f.problem}`,
    todo: "Correct what the API server names; a missing right is one of the controller's account on validatingwebhookconfigurations.",
  },
  AIRWAY_NAME_MISMATCH: {
    message: (f: { airway: string; expected: string }) =>
      `Airway ${f.airway}: metadata.name must be "${f.expected}", the plural and group of spec.template`,
    todo: "Rename the Airway, or correct spec.template.names.plural and spec.template.group.",
  },
  AIRWAY_STORAGE_VERSION: {
    message: (f: { airway: string; found: number }) =>
      `Airway ${f.airway}: spec.template.versions: exactly one version must have storage: true, found ${f.found}`,
    todo: "Set storage: true on the version in which instances are kept, and false on all others.",
  },
  AIRWAY_SCHEMA_INVALID: {
    message: (f: { airway: string; problems: readonly string[] }) =>
      `Airway ${f.airway}: the schema of its template is not one that Kubernetes accepts: ${f.problems.join("; ")}`,
    todo: "Correct the schema at the named paths; it must be a structural OpenAPI v3 schema.",
  },
  AIRWAY_STATUS_INVALID: {
    message: (f: { airway: string; path: string; problem: string }) => `Airway ${f.airway}: ${f.path}: ${f.problem}`,
    todo: "Leave status.conditions and status.atc out of the template (the controller adds them), or declare them as documented.",
  },
});
