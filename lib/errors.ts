/**
 * Errors that a person can act on.
 *
 * Each room declares its errors in one table (`errors.ts`); `docs/errors.md` lists all of them, and a test holds the
 * two against each other. A message says what happened and where; `todo` says what to do next.
 */

/** An error with a stable code that leads to `docs/errors.md`. */
export class CodedError extends Error {
  readonly code: string;
  /** What the reader can do about it: one imperative sentence. */
  readonly todo: string;

  constructor(code: string, message: string, todo: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "CodedError";
    this.code = code;
    this.todo = todo;
  }
}

/** A row of a room's table. `message` is built from the facts of the case, never from a secret's value. */
export interface ErrorRow<Facts> {
  readonly message: (facts: Facts) => string;
  readonly todo: string;
}

type Thrower<Row> = Row extends ErrorRow<infer Facts> ? (facts: Facts, cause?: unknown) => CodedError : never;

/**
 * Turns a table of rows into functions that build the errors.
 *
 * @example
 * const errors = defineErrors({ PORT_TAKEN: { message: (f: { port: number }) => `port ${f.port} is taken`, todo: "Stop its owner or choose another." } });
 * throw errors.PORT_TAKEN({ port: 8200 });
 */
// biome-ignore lint/suspicious/noExplicitAny: the facts differ per row; the mapped type gives each its own.
export function defineErrors<Table extends Record<string, ErrorRow<any>>>(
  table: Table,
): { readonly [Code in keyof Table]: Thrower<Table[Code]> } {
  const builders: Record<string, unknown> = {};
  for (const [code, row] of Object.entries(table)) {
    builders[code] = (facts: unknown, cause?: unknown) => new CodedError(code, row.message(facts), row.todo, cause);
  }
  return builders as { readonly [Code in keyof Table]: Thrower<Table[Code]> };
}

/** What a person reads at the end of a failed command: the message, what to do, and the code. */
export function describeError(error: unknown): string {
  if (error instanceof CodedError) return `${error.message}\n  ${error.todo} (${error.code}, see docs/errors.md)`;
  return error instanceof Error ? error.message : String(error);
}
