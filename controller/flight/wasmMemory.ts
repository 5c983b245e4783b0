/**
 * The cap on a WebAssembly module's memory.
 *
 * V8 bounds a memory by what its module declares and by nothing else, so the declaration is rewritten before the module
 * is compiled. Source: WebAssembly core specification, binary format of modules and of limits.
 */
import { errors } from "./errors.ts";
import { concat, leb128, sectionsOf, type WasmReader } from "./wasmSections.ts";

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
  for (const { id, start, end, reader } of sectionsOf(module)) {
    if (id !== memorySection) continue;
    const body = cappedSection(reader, cap, maxMib);
    if (reader.at !== end) throw errors.FLIGHT_BAD_MODULE({ why: "its memory section has another size than it says" });
    return concat([module.subarray(0, start), [memorySection], leb128(body.length), body, module.subarray(end)]);
  }
  return module;
}

function cappedSection(reader: WasmReader, cap: number, maxMib: number): number[] {
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
