/**
 * What a WebAssembly module may take: its memory and its tables.
 *
 * V8 bounds both by what the module declares and by nothing else, so the declarations are rewritten before the module is
 * compiled. Tables and garbage-collected objects lie on JavaScript's heap: when a large one does not fit there, V8 ends
 * the process and not just the thread. So tables are bounded, and modules with garbage-collected types are refused.
 * Source: WebAssembly core specification, binary format of modules, types and limits.
 */
import { errors } from "./errors.ts";
import { concat, leb128, sectionsOf, type WasmReader } from "./wasmSections.ts";

const typeSection = 1;
const tableSection = 4;
const memorySection = 5;
const pagesPerMib = 16;
const hasMaximum = 1;
const functionForm = 0x60;
const functionReference = 0x70;
const externReference = 0x6f;
/** Go has one table, with an element for each function: some 50,000 in a module of 18 MB. */
const mostElements = 1_000_000;
const mostTables = 16;

/**
 * Bytes of the module with a memory that grows to `maxMib` and no further, and bounded tables. What it imports of either
 * is left as it is: the sandbox gives nobody one, and so refuses the module.
 *
 * @throws FLIGHT_BAD_MODULE for more than one memory, a shared one, one of 64 bits, many or large tables, and types of
 *   garbage-collected objects; FLIGHT_OUT_OF_MEMORY
 */
export function boundModule(module: Uint8Array, maxMib: number): Uint8Array {
  const parts: ArrayLike<number>[] = [];
  let copied = 0;
  for (const { id, start, end, reader } of sectionsOf(module)) {
    const body = boundSection(id, reader, maxMib);
    if (body === undefined) continue;
    if (reader.at !== end) throw errors.FLIGHT_BAD_MODULE({ why: `its section ${id} has another size than it says` });
    parts.push(module.subarray(copied, start), [id], leb128(body.length), body);
    copied = end;
  }
  return parts.length === 0 ? module : concat([...parts, module.subarray(copied)]);
}

/** The new body of a section, or undefined for one that stays. */
function boundSection(id: number, reader: WasmReader, maxMib: number): number[] | undefined {
  if (id === typeSection) checkTypes(reader);
  if (id === tableSection) return boundTables(reader);
  return id === memorySection ? boundMemory(reader, maxMib) : undefined;
}

/** Structures, arrays and groups of types have forms of their own. */
function checkTypes(reader: WasmReader): void {
  const types = reader.number();
  for (let type = 0; type < types; type++) {
    if (reader.byte() !== functionForm) throw errors.FLIGHT_BAD_MODULE({ why: "it has garbage-collected types" });
    for (const _ of ["parameters", "results"]) {
      const values = reader.number();
      for (let value = 0; value < values; value++) skipValueType(reader);
    }
  }
}

/** A reference to a type of the module's own has a second part. */
function skipValueType(reader: WasmReader): void {
  const form = reader.byte();
  if (form === 0x63 || form === 0x64) reader.number();
}

function boundTables(reader: WasmReader): number[] {
  const count = reader.number();
  if (count > mostTables) throw errors.FLIGHT_BAD_MODULE({ why: `it has more than ${mostTables} tables` });
  const cap = Math.floor(mostElements / Math.max(1, count));
  const body = leb128(count);
  for (let table = 0; table < count; table++) {
    const type = reader.byte();
    const flags = reader.byte();
    // Others are of 64 bits, or of references to types, with a value that they begin with.
    if ((type !== functionReference && type !== externReference) || flags & ~hasMaximum) {
      throw errors.FLIGHT_BAD_MODULE({ why: "it has a table of an unknown sort" });
    }
    const minimum = reader.number();
    const maximum = flags & hasMaximum ? reader.number() : cap;
    if (minimum > cap) throw errors.FLIGHT_BAD_MODULE({ why: `its tables have more than ${mostElements} elements` });
    body.push(type, hasMaximum, ...leb128(minimum), ...leb128(Math.min(maximum, cap)));
  }
  return body;
}

function boundMemory(reader: WasmReader, maxMib: number): number[] {
  const cap = Math.min(65_536, maxMib * pagesPerMib);
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
