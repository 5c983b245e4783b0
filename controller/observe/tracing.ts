/**
 * OpenTelemetry traces of single runs, sent by OTLP over HTTP (JSON), where an endpoint is configured. Elsewhere there
 * is no `Tracing`, and nothing of OpenTelemetry's SDK is loaded.
 *
 * The present span follows the work by async context; what is called from outside of it, as by a worker thread, is
 * bound. Attributes are names, numbers and codes: no content of an object, and no error's message.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as delay } from "node:timers/promises";
import type { Attributes, Span } from "@opentelemetry/api";

export type { Attributes } from "@opentelemetry/api";

export interface Tracing {
  /** A trace of its own, whatever called it. `since`: when it began, in milliseconds of `performance.now()`. */
  trace<Result>(name: string, attributes: Attributes, since: number, work: () => Promise<Result>): Promise<Result>;
  /** A part of the present trace; without one it is just the work. */
  span<Result>(name: string, attributes: Attributes, work: () => Promise<Result>): Promise<Result>;
  /** A part that is over now; `since` as above. */
  past(name: string, attributes: Attributes, since: number): void;
  /** A moment in the present span. */
  event(name: string, attributes: Attributes): void;
  /** More about the present span. */
  describe(attributes: Attributes): void;
  /** For a callback that is called from elsewhere: it belongs to what is present now. */
  bind<Args extends unknown[], Result>(callback: (...args: Args) => Result): (...args: Args) => Result;
  /** Sends what is left, and does not wait long for that. */
  close(): Promise<void>;
}

export interface TracingOptions {
  /** URL for traces, with its path. */
  readonly endpoint: string | undefined;
  readonly version: string;
  readonly onProblem: (problem: string) => void;
}

interface Present {
  readonly span: Span;
  /**
   * Where `performance.now()` is 0, in milliseconds since 1970: one for all times of a trace. By itself a span without
   * a given start begins at a whole millisecond, which is before the end of what was there first.
   */
  readonly epoch: number;
}

const closeMs = 2_000;
const longestProblem = 300;

/**
 * Service name, resource attributes, sampler, headers and batches are as the `OTEL_…` variables of the standard say.
 *
 * @returns undefined where there is no endpoint
 */
export async function openTracing({ endpoint, version, onProblem }: TracingOptions): Promise<Tracing | undefined> {
  if (endpoint === undefined) return undefined;
  const [api, resources, sdk, { OTLPTraceExporter }] = await Promise.all([
    import("@opentelemetry/api"),
    import("@opentelemetry/resources"),
    import("@opentelemetry/sdk-trace-base"),
    import("@opentelemetry/exporter-trace-otlp-http"),
  ]);
  const problem = (text: string) => onProblem(text.slice(0, longestProblem));
  const silent = () => undefined;
  api.diag.setLogger({ error: problem, warn: problem, info: silent, debug: silent, verbose: silent });
  const own = resources.resourceFromAttributes({ "service.name": "atc", "service.version": version });
  const provider = new sdk.BasicTracerProvider({
    resource: own.merge(resources.detectResources({ detectors: [resources.envDetector] })),
    spanProcessors: [new sdk.BatchSpanProcessor(new OTLPTraceExporter({ url: endpoint }))],
  });
  const tracer = provider.getTracer("atc", version);
  const present = new AsyncLocalStorage<Present>();

  const start = (name: string, attributes: Attributes, startTime: number, parent: Span | undefined) => {
    const context = parent === undefined ? api.ROOT_CONTEXT : api.trace.setSpan(api.ROOT_CONTEXT, parent);
    return tracer.startSpan(name, { attributes, startTime }, context);
  };
  const run = async <Result>({ span, epoch }: Present, work: () => Promise<Result>): Promise<Result> => {
    try {
      return await present.run({ span, epoch }, work);
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      const type = typeof code === "string" ? code : "UNKNOWN";
      span.setAttribute("error.type", type).setStatus({ code: api.SpanStatusCode.ERROR, message: type });
      throw error;
    } finally {
      span.end(epoch + performance.now());
    }
  };

  return {
    trace(name, attributes, since, work) {
      const epoch = Date.now() - performance.now();
      return run({ span: start(name, attributes, epoch + since, undefined), epoch }, work);
    },
    span(name, attributes, work) {
      const within = present.getStore();
      if (within === undefined) return work();
      const { span, epoch } = within;
      return run({ span: start(name, attributes, epoch + performance.now(), span), epoch }, work);
    },
    past(name, attributes, since) {
      const within = present.getStore();
      if (within === undefined) return;
      const { span, epoch } = within;
      start(name, attributes, epoch + since, span).end(epoch + performance.now());
    },
    event(name, attributes) {
      const within = present.getStore();
      within?.span.addEvent(name, attributes, within.epoch + performance.now());
    },
    describe(attributes) {
      present.getStore()?.span.setAttributes(attributes);
    },
    bind: callback => AsyncLocalStorage.bind(callback),
    async close() {
      await Promise.race([
        provider.shutdown().catch(error => problem(String(error))),
        delay(closeMs, undefined, { ref: false }),
      ]);
    },
  };
}
