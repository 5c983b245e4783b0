/**
 * What a flight printed → stages of objects (contract §3.2).
 *
 * Accepted, as YAML or JSON: one object; several YAML documents; a list of objects (one stage); a list of lists (stages
 * in their order). `[]` is a valid empty release. Deliberate differences from yoke, whose parser stops silently at the
 * first document that it cannot read: nothing is skipped, and what is wrong is named with its position.
 */
import { jsonOf } from "../../lib/json.ts";
import { groupKind, type KubeObject } from "../kube/object.ts";
import { errors } from "./errors.ts";
import { checkObject, describe } from "./outputObject.ts";
import { parseYaml } from "./yaml.ts";

/** In characters. The sandbox has its own, lower bound; this one protects the parser. */
const largestOutput = 32 * 1024 * 1024;
/** YAML takes a hundred times as long to read as JSON, on the thread that serves everybody. */
const largestYaml = 1024 * 1024;
const mostObjects = 10_000;
/** An alias of YAML is counted as often as it is used. */
const mostValues = 2_000_000;
/** Deeper than any manifest; so that no function that walks objects can be driven out of stack. */
const deepest = 100;

/** @throws RELEASE_OUTPUT_… and RELEASE_OBJECT_INVALID, with the position of what is wrong. */
export function parseOutput(stdout: string): KubeObject[][] {
  if (stdout.length > largestOutput)
    throw errors.RELEASE_OUTPUT_TOO_LARGE({ what: "characters", limit: largestOutput });
  if (stdout.trim() === "") throw errors.RELEASE_OUTPUT_EMPTY({});
  return staged(decode(stdout));
}

/**
 * The same for what is decoded already.
 *
 * @throws RELEASE_OUTPUT_… and RELEASE_OBJECT_INVALID
 */
export function checkStages(value: unknown): KubeObject[][] {
  checkPlain(value);
  return staged([value]);
}

function staged(documents: unknown[]): KubeObject[][] {
  const stages = stagesOf(documents);
  const count = stages.reduce((sum, stage) => sum + stage.length, 0);
  if (count > mostObjects) throw errors.RELEASE_OUTPUT_TOO_LARGE({ what: "objects", limit: mostObjects });
  return stages.flatMap(definitionsFirst).filter(stage => stage.length > 0);
}

/** One value per document; JSON is one document. */
function decode(stdout: string): unknown[] {
  const documents = decodeJson(stdout) ?? decodeYaml(stdout);
  if (documents.length === 0) throw errors.RELEASE_OUTPUT_EMPTY({});
  documents.forEach(checkPlain);
  return documents;
}

/** undefined when it is not JSON, as then it may be YAML. */
function decodeJson(stdout: string): unknown[] | undefined {
  const value = /^\s*[[{]/.test(stdout) ? jsonOf(stdout) : undefined;
  return value === undefined ? undefined : [value];
}

function decodeYaml(stdout: string): unknown[] {
  if (stdout.length > largestYaml)
    throw errors.RELEASE_OUTPUT_TOO_LARGE({ what: "characters of YAML (print JSON instead)", limit: largestYaml });
  try {
    return parseYaml(stdout);
  } catch (cause) {
    // Only the first line: the following ones quote the output, which may hold a secret.
    const [why = ""] = cause instanceof Error ? cause.message.split("\n") : [];
    throw errors.RELEASE_OUTPUT_UNREADABLE({ why });
  }
}

function stagesOf(documents: unknown[]): KubeObject[][] {
  const [only] = documents;
  if (documents.length > 1) return [checkStage(documents, 1)];
  if (!Array.isArray(only)) return [checkStage([only], 1)];
  if (!only.some(Array.isArray)) return [checkStage(only, 1)];
  return only.map((stage: unknown, at) => {
    if (!Array.isArray(stage)) throw errors.RELEASE_OUTPUT_SHAPE({ where: `stage ${at + 1}`, found: describe(stage) });
    return checkStage(stage, at + 1);
  });
}

function checkStage(stage: readonly unknown[], number: number): KubeObject[] {
  return stage.map((value, at) => checkObject(value, `stage ${number}, object ${at + 1}`));
}

/** Namespaces and CustomResourceDefinitions become a stage of their own, because others need them to exist. */
function definitionsFirst(stage: KubeObject[]): KubeObject[][] {
  return [stage.filter(isDefinition), stage.filter(object => !isDefinition(object))];
}

function isDefinition(object: KubeObject): boolean {
  const gk = groupKind(object);
  return gk === "Namespace" || gk === "CustomResourceDefinition.apiextensions.k8s.io";
}

/** Refuses what cannot be walked or not be sent: also what an alias repeats without end. */
function checkPlain(root: unknown): void {
  let level: unknown[] = [root];
  let values = 0;
  let characters = 0;
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > deepest) throw errors.RELEASE_OUTPUT_TOO_LARGE({ what: "levels of nesting", limit: deepest });
    const next: unknown[] = [];
    for (const value of level) {
      characters += checkScalar(value);
      if (typeof value !== "object" || value === null) continue;
      const inside = Object.values(value);
      if (!Array.isArray(value)) for (const key of Object.keys(value)) characters += checkScalar(key);
      values += inside.length;
      if (values > mostValues) throw errors.RELEASE_OUTPUT_TOO_LARGE({ what: "values", limit: mostValues });
      for (const content of inside) next.push(content);
    }
    if (characters > largestOutput) throw errors.RELEASE_OUTPUT_TOO_LARGE({ what: "characters", limit: largestOutput });
    level = next;
  }
}

/** Returns its length in characters. */
function checkScalar(value: unknown): number {
  if (typeof value === "number" && !Number.isFinite(value))
    throw errors.RELEASE_OUTPUT_UNREADABLE({ why: "it holds a number that JSON cannot express" });
  if (typeof value !== "string") return 0;
  // Half of a surrogate pair: the API server would store another character, and the object would never be as rendered.
  if (!value.isWellFormed()) throw errors.RELEASE_OUTPUT_UNREADABLE({ why: "it holds a text that is no Unicode" });
  return value.length;
}
