/**
 * Values as the engine sends them: JSON in which secrets and unknowns are tagged.
 *
 * A secret is an object with a signature key, an unknown is one fixed string (pulumi/pulumi: sdk/go/common/resource).
 * Everything here is pure.
 */

export type Value = null | boolean | number | string | Value[] | Properties;
export interface Properties {
  [key: string]: Value;
}

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";

/** Stands for a value that a preview cannot know. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

export const isObject = (value: unknown): value is Properties =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isTagged = (value: Value): value is Properties => isObject(value) && SIGNATURE in value;

const isSecret = (value: Value | undefined): value is Properties & { value: Value } =>
  isObject(value) && value[SIGNATURE] === SECRET;

export const secret = (value: Value): Value =>
  isSecret(value) ? value : { [SIGNATURE]: SECRET, value: unwrap(value) };

const mapObject = (object: Properties, change: (value: Value) => Value): Properties =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));

/** Removes the secret tags, at any depth. */
export function unwrap(value: Properties): Properties;
export function unwrap(value: Value): Value;
export function unwrap(value: Value): Value {
  if (isSecret(value)) return unwrap(value.value);
  if (Array.isArray(value)) return value.map(item => unwrap(item));
  return isObject(value) ? mapObject(value, unwrap) : value;
}

/** True when `test` holds for the value or for anything inside it. */
function contains(value: Value | undefined, test: (value: Value) => boolean): boolean {
  if (value === undefined) return false;
  if (test(value)) return true;
  if (Array.isArray(value)) return value.some(item => contains(item, test));
  return isObject(value) && Object.values(value).some(item => contains(item, test));
}

export const hasSecret = (value: Value | undefined): boolean => contains(value, isSecret);
export const hasUnknown = (value: Value | undefined): boolean => contains(value, item => item === UNKNOWN);

/**
 * Tags `plain` wherever `like` is secret. An array with a secret anywhere becomes secret as a whole, because a server
 * may reorder it.
 */
export function rewrap(plain: Properties, like: Properties): Properties {
  return Object.fromEntries(Object.entries(plain).map(([key, value]) => [key, rewrapValue(value, like[key])]));
}

function rewrapValue(plain: Value, like: Value | undefined): Value {
  if (isObject(plain) && isObject(like) && !isSecret(like)) return rewrap(plain, like);
  return hasSecret(like) ? secret(plain) : plain;
}

/** Every string inside the secrets of `value`: what must never be printed. */
export function secretStrings(value: Value, inside = false): string[] {
  if (isSecret(value)) return secretStrings(value.value, true);
  if (Array.isArray(value)) return value.flatMap(item => secretStrings(item, inside));
  if (isObject(value)) return Object.values(value).flatMap(item => secretStrings(item, inside));
  return inside && value !== null && value !== UNKNOWN && value !== "" ? [String(value)] : [];
}

const SHORTEST_REDACTED = 3;

/** Replaces secrets in a text for people. One or two letters are not worth a text full of holes. */
export function redact(text: string, secrets: readonly string[]): string {
  const words = secrets.filter(word => word.length >= SHORTEST_REDACTED).toSorted((a, b) => b.length - a.length);
  return words.reduce((redacted, word) => redacted.replaceAll(word, "[secret]"), text);
}

export type Path = readonly (string | number)[];
export type ChangeKind = "add" | "delete" | "update";
export interface Change {
  readonly path: Path;
  readonly kind: ChangeKind;
}

/** What differs between two values without tags, leaf by leaf. An asset is a leaf. */
export function deepDiff(old: Value | undefined, now: Value | undefined, path: Path = []): Change[] {
  if (old === now || (old === undefined && now === undefined)) return [];
  if (old === undefined) return [{ path, kind: "add" }];
  if (now === undefined) return [{ path, kind: "delete" }];
  if (Array.isArray(old) && Array.isArray(now)) {
    return Array.from({ length: Math.max(old.length, now.length) }, (_, i) =>
      deepDiff(old[i], now[i], [...path, i]),
    ).flat();
  }
  if (!isObject(old) || !isObject(now)) return [{ path, kind: "update" }];
  const keys = [...new Set([...Object.keys(old), ...Object.keys(now)])];
  const changes = keys.flatMap(key => deepDiff(old[key], now[key], [...path, key]));
  return changes.length > 0 && (isTagged(old) || isTagged(now)) ? [{ path, kind: "update" }] : changes;
}

/** A path as the engine writes it: `spec.ports[0].name`, `metadata.annotations["a/b"]`. */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    if (!/^[\w$-]+$/.test(step)) return `${text}[${JSON.stringify(step)}]`;
    return text === "" ? step : `${text}.${step}`;
  }, "");
}
