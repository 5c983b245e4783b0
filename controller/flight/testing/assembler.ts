/** A small assembler: enough of WebAssembly's binary format for modules of a few instructions. */

export const i32 = 0x7f;
export const i64 = 0x7e;
export const drop = 0x1a;
export const unreachable = 0x00;
/** `loop … end` around instructions that end in a jump to its beginning. */
export const forever = (body: readonly number[]) => [0x03, 0x40, ...body, 0x0c, 0, 0x0b];
export const call = (index: number) => [0x10, index];
export const constant = (value: number) => [0x41, ...signed(value)];
export const long = (value: bigint) => [0x42, ...signedLong(value)];

export type Import = readonly [module: string, name: string, parameters: readonly number[], results: readonly number[]];

export const write: Import = ["wasi_snapshot_preview1", "fd_write", [i32, i32, i32, i32], [i32]];
export const exit: Import = ["wasi_snapshot_preview1", "proc_exit", [i32], []];
export const lookup: Import = ["host", "k8s_lookup", [i32, i64, i64, i64, i64], [i64]];

export interface Parts {
  /** Of `_start`, which has neither parameters nor results. */
  readonly code: readonly number[];
  readonly imports?: readonly Import[];
  /** Of the exported function `malloc(i32) → i64`. */
  readonly malloc?: readonly number[];
  readonly memory?: readonly number[];
  /** At address 0. */
  readonly data?: string;
  readonly exports?: readonly string[];
  /** Other sections, by their number: 4 are tables, 8 is the start function. */
  readonly sections?: Readonly<Record<number, readonly number[]>>;
}

export function assemble({ code, imports = [], malloc, memory = [0, 1], data = "", exports, sections }: Parts) {
  const names = (exports ?? ["_start"]).map(text => [...name(text), 0, imports.length]);
  if (malloc) names.push([...name("malloc"), 0, imports.length + 1]);
  const types = [...imports.map(([, , from, to]) => functionType(from, to)), functionType([i32], [i64])];
  const all: Record<number, readonly number[]> = {
    1: vector([functionType([], []), ...types]),
    2: vector(imports.map(([module, field], index) => [...name(module), ...name(field), 0, index + 1])),
    3: vector([[0], ...(malloc ? [[imports.length + 1]] : [])]),
    5: vector([memory]),
    7: vector([...names, [...name("memory"), 2, 0]]),
    10: vector([code, ...(malloc ? [malloc] : [])].map(body => [...size(body.length + 2), 0, ...body, 0x0b])),
    11: vector(data === "" ? [] : [[0, 0x41, 0, 0x0b, ...name(data)]]),
    ...sections,
  };
  const bodies = Object.entries(all).flatMap(([id, body]) => [Number(id), ...size(body.length), ...body]);
  return Uint8Array.from([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...bodies]);
}

export const vector = (items: readonly (readonly number[])[]) => [items.length, ...items.flat()];

/** Unsigned LEB128. */
export const size = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) | 128, ...size(Math.floor(value / 128))];

const name = (text: string) => [text.length, ...Buffer.from(text)];
const functionType = (from: readonly number[], to: readonly number[]) => [0x60, from.length, ...from, to.length, ...to];
const signed = (value: number): number[] => signedLong(BigInt(value));
const signedLong = (value: bigint): number[] =>
  value >= -64n && value < 64n ? [Number(value & 127n)] : [Number(value & 127n) | 128, ...signedLong(value >> 7n)];
