/** The two ways of reading an answer from an undici dispatcher: as a whole, and line by line. */
import type { Dispatcher } from "undici";
import { connectionError } from "./errors.ts";
import { defaultTimeoutMs, type HttpRequest, type HttpResponse, type ResponseHead } from "./interceptors.ts";

export interface HttpStream extends ResponseHead {
  /** Lines without their end; a last line without an end comes too. Throws when the connection breaks. */
  lines: AsyncIterable<string>;
}

/** Sends a request and reads the whole answer. */
export function exchange(dispatcher: Dispatcher, request: HttpRequest): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let head: ResponseHead = { status: 0, headers: {} };
    const attempt = startAttempt(request, reject);
    dispatcher.dispatch(dispatchOptions(request), {
      onRequestStart: attempt.started,
      onResponseStart: (_, status, headers) => {
        head = { status, headers: flatten(headers) };
      },
      onResponseData: (_, chunk) => void chunks.push(chunk),
      onResponseEnd: () => {
        attempt.settled();
        resolve({ ...head, body: Buffer.concat(chunks).toString("utf8") });
      },
      onResponseError: (_, error) => attempt.failed(error),
    });
  });
}

/** Sends a request and resolves as soon as the head of the answer is there. */
export function openStream(dispatcher: Dispatcher, request: HttpRequest): Promise<HttpStream> {
  return new Promise((resolve, reject) => {
    let lines: LineStream | undefined;
    const attempt = startAttempt(request, error => (lines === undefined ? reject(error) : lines.fail(error)));
    dispatcher.dispatch(
      { ...dispatchOptions(request), bodyTimeout: 0 },
      {
        onRequestStart: attempt.started,
        onResponseStart: (controller, status, headers) => {
          // 1xx: the answer itself is still to come.
          if (status < 200) return;
          attempt.opened();
          lines = new LineStream(controller);
          resolve({ status, headers: flatten(headers), lines });
        },
        onResponseData: (_, chunk) => lines?.push(chunk),
        onResponseEnd: () => {
          attempt.settled();
          lines?.end();
        },
        onResponseError: (_, error) => attempt.failed(error),
      },
    );
  });
}

/**
 * Whether there was time enough, although the connection may still answer pings. Who aborts a request for that reason
 * says so by the name that the platform has for it (`AbortSignal.timeout`), with his error or with its cause.
 */
export function isUnanswered(error: unknown): boolean {
  return isTimeout(error) || (error instanceof Error && isTimeout(error.cause));
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === "TimeoutError";
}

export function timeoutError(message: string): Error {
  return new DOMException(message, "TimeoutError");
}

/**
 * Time-out and abort of one request, also while it still waits for a connection.
 *
 * A request with a body that is on its way is only not waited for any more. Node.js must not be told to end its stream:
 * before the body is out, that is a native loop without end that takes all memory (`close` and `destroy` of a client's
 * HTTP/2 stream, as undici does; seen with Node.js 20.20 and 24.21).
 */
function startAttempt(request: HttpRequest, reject: (error: unknown) => void) {
  const { signal, timeoutMs = defaultTimeoutMs } = request;
  let controller: Dispatcher.DispatchController | undefined;
  let over: Error | undefined;
  let bodySent = false;
  const stop = (error: Error): void => {
    over = error;
    settled();
    if (!bodySent) controller?.abort(error);
    reject(error);
  };
  const onAbort = (): void => stop(signal?.reason instanceof Error ? signal.reason : new Error(String(signal?.reason)));
  const timer = setTimeout(
    () => stop(connectionError(request, timeoutError(`no complete answer within ${timeoutMs / 1000} s`))),
    timeoutMs,
  );
  const settled = (): void => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted) onAbort();
  return {
    /** Once more when the server did nothing with the first stream (GOAWAY, REFUSED_STREAM) and undici opens another. */
    started: (started: Dispatcher.DispatchController): void => {
      controller = started;
      bodySent = false;
      try {
        if (over === undefined) request.beforeSent?.();
        else started.abort(over);
      } catch (error) {
        stop(error instanceof Error ? error : new Error(String(error)));
      }
      bodySent = request.body !== undefined;
    },
    opened: (): void => clearTimeout(timer),
    settled,
    failed: (error: Error): void => {
      settled();
      if (over === undefined) reject(connectionError(request, error));
    },
  };
}

function dispatchOptions(request: HttpRequest): Dispatcher.DispatchOptions {
  // Shorter ones of requests with a body are not undici's affair: see startAttempt.
  const timeoutMs = Math.max(request.timeoutMs ?? 0, defaultTimeoutMs);
  return {
    method: request.method,
    path: withQuery(request),
    headers: { ...request.headers },
    body: request.body ?? null,
    // Beside the timer above: these make undici ask the connection for a sign of life before it is used again.
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  };
}

function withQuery({ path, query = {} }: HttpRequest): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) parameters.set(key, String(value));
  return parameters.size === 0 ? path : `${path}?${parameters}`;
}

function flatten(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [key, value] of Object.entries(headers)) {
    if (value !== undefined) flat[key.toLowerCase()] = Array.isArray(value) ? value.join(", ") : value;
  }
  return flat;
}

const newline = 0x0a;
/** Lines waiting for the consumer before the connection is asked to pause. */
const highWaterMark = 4096;

/** Splits chunks into lines. One consumer. Leaving the loop early aborts the request. */
class LineStream implements AsyncIterableIterator<string> {
  readonly #controller: Dispatcher.DispatchController;
  #ready: string[] = [];
  #next = 0;
  #partial: Buffer[] = [];
  #done = false;
  #error: unknown;
  #waiting: { resolve: (result: IteratorResult<string>) => void; reject: (error: unknown) => void } | undefined;

  constructor(controller: Dispatcher.DispatchController) {
    this.#controller = controller;
  }

  push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      this.#addLine(chunk.subarray(start, end));
      start = end + 1;
    }
    // A copy: the chunk's buffer is large and would be kept alive by a short rest.
    if (start < chunk.length) this.#partial.push(Buffer.from(chunk.subarray(start)));
    if (this.#ready.length - this.#next > highWaterMark) this.#controller.pause();
    this.#deliver();
  }

  end(): void {
    if (this.#partial.length > 0) this.#addLine(Buffer.alloc(0));
    this.#done = true;
    this.#deliver();
  }

  fail(error: unknown): void {
    this.#error = error;
    this.#done = true;
    this.#deliver();
  }

  #addLine(rest: Buffer): void {
    if (this.#partial.length === 0) {
      this.#ready.push(rest.toString("utf8"));
      return;
    }
    this.#ready.push(Buffer.concat([...this.#partial, rest]).toString("utf8"));
    this.#partial = [];
  }

  #deliver(): void {
    const waiting = this.#waiting;
    if (waiting === undefined || (this.#next >= this.#ready.length && !this.#done)) return;
    this.#waiting = undefined;
    this.next().then(waiting.resolve, waiting.reject);
  }

  next(): Promise<IteratorResult<string>> {
    const line = this.#ready[this.#next];
    if (line !== undefined) {
      this.#next++;
      if (this.#next === this.#ready.length) {
        this.#ready = [];
        this.#next = 0;
        if (this.#controller.paused) this.#controller.resume();
      }
      return Promise.resolve({ value: line, done: false });
    }
    if (this.#done) {
      return this.#error === undefined
        ? Promise.resolve({ value: undefined, done: true })
        : Promise.reject(this.#error);
    }
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  return(): Promise<IteratorResult<string>> {
    if (!this.#done) {
      this.#done = true;
      this.#controller.abort(new Error("the reader left the stream"));
    }
    this.#ready = [];
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
