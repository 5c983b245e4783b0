import { sha256 } from "@noble/hashes/sha2.js";

/**
 * A hash that is the same for equal JSON values, whatever the order of their keys; 32 hex digits, fit for a label.
 *
 * It does not tell the value, but a short or guessable value can be found by trying: it is as good as the value is long.
 */
export function hash(value: unknown): string {
  const digest = sha256(utf8(canonical(value)));
  return Array.from(digest.subarray(0, 16), byte => byte.toString(16).padStart(2, "0")).join("");
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join()}}`;
}

/** The sandbox has no TextEncoder. JSON.stringify has escaped lone surrogates, so this cannot throw. */
function utf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const [, escaped, plain = ""] of encodeURIComponent(text).matchAll(/%(..)|(.)/g)) {
    bytes.push(escaped ? Number.parseInt(escaped, 16) : plain.charCodeAt(0));
  }
  return Uint8Array.from(bytes);
}
