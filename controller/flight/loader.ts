/** From bytes, which controller/modules/ fetched, to a module that the sandbox can run. */
import { createHash } from "node:crypto";
import { errors } from "./errors.ts";
import type { ModuleKind } from "./protocol.ts";

export interface FlightModule {
  /** sha256 of `bytes`, hex. */
  readonly digest: string;
  readonly kind: ModuleKind;
  /** Never compressed. */
  readonly bytes: Uint8Array;
}

/**
 * Tells what the bytes are by their content.
 *
 * @throws FLIGHT_BAD_MODULE when they are empty, or binary but not wasm.
 */
export function flightModuleOf(bytes: Uint8Array): FlightModule {
  return { digest: createHash("sha256").update(bytes).digest("hex"), kind: kindOf(bytes), bytes };
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

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, at) => bytes[at] === byte);
}
