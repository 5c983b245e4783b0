/**
 * Structured logs, one line per event: JSON, or text for a person at a terminal.
 * Fields that may carry credentials or a Secret's data are blanked before anything is written.
 */
import { Writable } from "node:stream";
import { type Bindings, type ChildLoggerOptions, type DestinationStream, type Logger as PinoLogger, pino } from "pino";

export type Logger = PinoLogger;
export type LogFormat = "json" | "text";

export interface LogOptions {
  readonly format: LogFormat;
  /** Debug lines too. */
  readonly verbose: boolean;
  /** Default: standard error, so that standard output stays free. */
  readonly destination?: DestinationStream;
}

export function createLogger(options: LogOptions): Logger {
  const destination = options.destination ?? pino.destination({ dest: 2, sync: true });
  const logger = pino(
    {
      level: options.verbose ? "debug" : "info",
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: label => ({ level: label }), log: redactFields },
      serializers: { err: (error: unknown) => loggedError(error) },
    },
    options.format === "json" ? destination : textStream(destination),
  );
  // pino formats the fields of a child by the child's own options only; grandchildren inherit this method.
  const { child } = logger;
  Object.defineProperty(logger, "child", {
    value(this: Logger, bindings: Bindings, childOptions?: ChildLoggerOptions): unknown {
      return Reflect.apply(child, this, [redactFields(bindings), childOptions]);
    },
  });
  return logger;
}

function redactFields(fields: Record<string, unknown>): Record<string, unknown> {
  return redact(fields) as Record<string, unknown>;
}

/** Names under which Kubernetes and kubeconfigs carry secrets. Compared without case and dashes. */
const secretNames = new Set([
  "data",
  "stringdata",
  "binarydata",
  "token",
  "idtoken",
  "password",
  "authorization",
  "clientkey",
  "clientkeydata",
  "managedfields",
  "kubectl.kubernetes.io/lastappliedconfiguration",
]);
const blank = "[redacted]";
const deepest = 8;

/** A copy of plain data without what the names above hold. Errors and class instances stay as they are. */
export function redact(value: unknown, depth = 0): unknown {
  if (Array.isArray(value)) return depth > deepest ? blank : value.map(item => redact(item, depth + 1));
  if (!isPlain(value)) return value;
  if (depth > deepest) return blank;
  return Object.fromEntries(
    Object.entries(value).map(([name, content]) => [
      name,
      secretNames.has(name.toLowerCase().replaceAll("-", "")) ? blank : redact(content, depth + 1),
    ]),
  );
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function textStream(destination: DestinationStream): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString("utf8").split("\n")) if (line !== "") destination.write(`${textLine(line)}\n`);
      done();
    },
  });
}

interface LoggedError {
  readonly type?: string;
  readonly message: string;
  readonly stack?: string | undefined;
  readonly code?: unknown;
  readonly todo?: unknown;
  readonly cause?: LoggedError;
}

/** Only what is known to be for reading: other fields of an error may hold a response or a request. */
function loggedError(error: unknown, depth = 0): LoggedError {
  if (!(error instanceof Error)) return { message: typeof error === "string" ? error : `a thrown ${typeof error}` };
  const { name, message, stack, cause } = error;
  const { code, todo } = error as { code?: unknown; todo?: unknown };
  const followed = cause === undefined || depth > deepest ? {} : { cause: loggedError(cause, depth + 1) };
  return {
    type: name,
    message,
    ...(code === undefined ? {} : { code }),
    ...(todo === undefined ? {} : { todo }),
    stack,
    ...followed,
  };
}

/** `12:03:04.567 WARN  message key=value`; an error on the lines below. */
function textLine(json: string): string {
  const { level, time, msg, err, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const pairs = Object.entries(fields).map(([name, value]) => `${name}=${shown(value)}`);
  const head = [String(time).slice(11, 23), String(level).toUpperCase().padEnd(5), String(msg ?? ""), ...pairs].join(
    " ",
  );
  return [head, ...errorLines(err as LoggedError | undefined)].join("\n");
}

/** Coded errors are told as to a user; others, which nobody foresaw, with their stack. */
function errorLines(error: LoggedError | undefined): string[] {
  if (error === undefined) return [];
  const lines =
    error.todo === undefined ? [String(error.stack)] : [`  ${error.message}`, `  ${error.todo} (${error.code})`];
  return [...lines, ...errorLines(error.cause).map((line, at) => (at === 0 ? `  caused by: ${line.trim()}` : line))];
}

function shown(value: unknown): string {
  return typeof value === "string" && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}
