/** A WebAssembly module as its sections. Source: WebAssembly core specification, binary format of modules. */
import { errors } from "./errors.ts";

export interface WasmSection {
  readonly id: number;
  /** Where the section begins, with its id, and where it ends. */
  readonly start: number;
  readonly end: number;
  /** Stands at the first byte of the content. */
  readonly reader: WasmReader;
}

/** Magic and version. */
const preambleBytes = 8;

/** @throws FLIGHT_BAD_MODULE where a section's header is broken */
export function* sectionsOf(module: Uint8Array): Generator<WasmSection> {
  for (let start = preambleBytes; start < module.length; ) {
    const reader = new WasmReader(module, start);
    const id = reader.byte();
    const size = reader.number();
    const end = reader.at + size;
    yield { id, start, end, reader };
    start = end;
  }
}

export class WasmReader {
  at: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw errors.FLIGHT_BAD_MODULE({ why: "it ends too early" });
    return byte;
  }

  /** LEB128, unsigned, up to 32 bits. */
  number(): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 28; factor *= 128) {
      const byte = this.byte();
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw errors.FLIGHT_BAD_MODULE({ why: "a number in it is too long" });
  }
}

export function leb128(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; ) {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    if (rest === 0) return [...bytes, low];
    bytes.push(low | 128);
  }
}

export function concat(parts: readonly ArrayLike<number>[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
