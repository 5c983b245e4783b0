/** From a URL in an Airway, and bytes fetched elsewhere, to a module that the sandbox can run. */
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { errors } from "./errors.ts";
import type { ModuleKind } from "./protocol.ts";

export interface FlightModule {
  /** sha256 of `bytes`, hex. */
  readonly digest: string;
  readonly kind: ModuleKind;
  /** Never compressed. */
  readonly bytes: Uint8Array;
}

/** A module larger than this, unpacked, is refused. Go's wasm modules are around 20 MB. */
const maxModuleBytes = 256 * 1024 * 1024;

/**
 * Tells what the bytes are by their content; gzip is unpacked first.
 *
 * @throws FLIGHT_BAD_MODULE when they are empty, binary but not wasm, or broken gzip.
 */
export function flightModuleOf(bytes: Uint8Array): FlightModule {
  const unpacked = startsWith(bytes, [0x1f, 0x8b]) ? unzip(bytes) : bytes;
  return { digest: createHash("sha256").update(unpacked).digest("hex"), kind: kindOf(unpacked), bytes: unpacked };
}

function kindOf(bytes: Uint8Array): ModuleKind {
  if (startsWith(bytes, [0x00, 0x61, 0x73, 0x6d])) return "wasm";
  if (!/\S/.test(textOf(bytes))) throw errors.FLIGHT_BAD_MODULE({ why: "it is empty" });
  return "javascript";
}

function textOf(bytes: Uint8Array): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (!text.includes("\0")) return text;
  } catch {
    // Said below, with the case of a NUL byte.
  }
  throw errors.FLIGHT_BAD_MODULE({ why: "it is neither JavaScript (UTF-8 text) nor WebAssembly" });
}

function unzip(bytes: Uint8Array): Uint8Array {
  try {
    return new Uint8Array(gunzipSync(bytes, { maxOutputLength: maxModuleBytes }));
  } catch (cause) {
    throw errors.FLIGHT_BAD_MODULE({ why: "it begins like gzip but cannot be unpacked" }, cause);
  }
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, at) => bytes[at] === byte);
}

/** Where a module is. */
export interface ModuleUrl {
  readonly scheme: "configmap";
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
}

const laterSchemes = new Set(["file", "http", "https", "oci"]);

/**
 * `configmap://<namespace>/<name>/<key>`.
 *
 * @throws FLIGHT_URL_UNSUPPORTED for schemes that yoke knows and this controller does not yet;
 *   FLIGHT_URL_INVALID for anything else.
 */
export function parseModuleUrl(url: string): ModuleUrl {
  const [, scheme = "file", rest = ""] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/is.exec(url) ?? [];
  if (laterSchemes.has(scheme.toLowerCase()))
    throw errors.FLIGHT_URL_UNSUPPORTED({ url, scheme: scheme.toLowerCase() });
  if (scheme.toLowerCase() !== "configmap") throw errors.FLIGHT_URL_INVALID({ url, why: `unknown scheme "${scheme}"` });
  const parts = rest.split("/");
  const [namespace = "", name = "", key = ""] = parts;
  if (parts.length !== 3) throw errors.FLIGHT_URL_INVALID({ url, why: "it needs namespace, name and key" });
  for (const [what, text] of Object.entries({ namespace, name, key })) {
    if (!/^[-._a-zA-Z0-9]+$/.test(text)) throw errors.FLIGHT_URL_INVALID({ url, why: `"${text}" is no ${what}` });
  }
  return { scheme: "configmap", namespace, name, key };
}
