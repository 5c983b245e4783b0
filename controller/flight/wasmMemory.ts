/**
 * The cap on a WebAssembly module's memory.
 *
 * V8 bounds a memory by what its module declares and by nothing else, so the declaration is rewritten before the module
 * is compiled. Source: WebAssembly core specification, binary format of modules and of limits.
 */
import { errors } from "./errors.ts";

const memorySection = 5;
const pagesPerMib = 16;
const hasMaximum = 1;

/**
 * Bytes of the module with a memory that grows to `maxMib` and no further. An imported memory is none of this: the
 * sandbox gives nobody one, and so refuses the module.
 *
 * @throws FLIGHT_BAD_MODULE for more than one memory, a shared one, one of 64 bits; FLIGHT_OUT_OF_MEMORY
 */
export function capMemory(module: Uint8Array, maxMib: number): Uint8Array {
  const cap = Math.min(65_536, maxMib * pagesPerMib);
  const reader = new Reader(module, 8);
  while (!reader.atEnd) {
    const start = reader.at;
    const id = reader.byte();
    const size = reader.number();
    const end = reader.at + size;
    if (id === memorySection) {
      const body = cappedSection(reader, cap, maxMib);
      if (reader.at !== end)
        throw errors.FLIGHT_BAD_MODULE({ why: "its memory section has another size than it says" });
      return concat([module.subarray(0, start), [memorySection], leb128(body.length), body, module.subarray(end)]);
    }
    reader.at = end;
  }
  return module;
}

function cappedSection(reader: Reader, cap: number, maxMib: number): number[] {
  const count = reader.number();
  if (count > 1) throw errors.FLIGHT_BAD_MODULE({ why: "it has more than one memory" });
  const body = leb128(count);
  for (let i = 0; i < count; i++) {
    const flags = reader.byte();
    const minimum = reader.number();
    const maximum = flags & hasMaximum ? reader.number() : cap;
    if (flags & ~hasMaximum) throw errors.FLIGHT_BAD_MODULE({ why: "its memory is shared or of 64 bits" });
    if (minimum > cap) throw errors.FLIGHT_OUT_OF_MEMORY({ limitMib: maxMib });
    body.push(hasMaximum, ...leb128(minimum), ...leb128(Math.min(maximum, cap)));
  }
  return body;
}

class Reader {
  at: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  get atEnd(): boolean {
    return this.at >= this.#bytes.length;
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

function leb128(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; ) {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    if (rest === 0) return [...bytes, low];
    bytes.push(low | 128);
  }
}

function concat(parts: readonly ArrayLike<number>[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
