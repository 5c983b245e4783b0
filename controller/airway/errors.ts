import { defineErrors } from "../../lib/errors.ts";

/** What can be wrong with an Airway. `airway` is its name, `path` the field, as in the manifest. */
export const errors = defineErrors({
  AIRWAY_FIELD_INVALID: {
    message: (f: { airway: string; path: string; problem: string }) => `Airway ${f.airway}: ${f.path}: ${f.problem}`,
    todo: "Correct the field; `kubectl explain airway.spec --recursive` lists what is accepted.",
  },
  AIRWAY_DURATION_INVALID: {
    message: (f: { airway: string; path: string; text: string }) =>
      `Airway ${f.airway}: ${f.path}: "${f.text}" is not a duration`,
    todo: 'Write a Go duration such as "500ms", "10s" or "1m30s"; a plain number has no unit.',
  },
  AIRWAY_MODE_UNKNOWN: {
    message: (f: { airway: string; mode: string }) => `Airway ${f.airway}: spec.mode: there is no mode "${f.mode}"`,
    todo: "Choose standard, dynamic or subscription.",
  },
  AIRWAY_MODE_NOT_BUILT: {
    message: (f: { airway: string; mode: string }) =>
      `Airway ${f.airway}: spec.mode: "${f.mode}" is not supported yet; nothing would be denied`,
    todo: "Choose standard or dynamic; static needs admission webhooks, which this version does not have.",
  },
  AIRWAY_CONVERTER_NOT_BUILT: {
    message: (f: { airway: string }) =>
      `Airway ${f.airway}: spec.wasmUrls.converter: conversion programs are not supported yet`,
    todo: "Remove the converter and serve versions with one schema, or keep a single version.",
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
