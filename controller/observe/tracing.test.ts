import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { CodedError } from "../../lib/errors.ts";
import { openCollector } from "./testing/collector.ts";
import { openTracing } from "./tracing.ts";

// Or the variables of who runs the tests decide about sampling and names.
beforeEach(() => {
  for (const name of Object.keys(process.env).filter(name => name.startsWith("OTEL_"))) vi.stubEnv(name, undefined);
});
afterEach(() => void vi.unstubAllEnvs());

/** What takes traces, and tracing towards it. */
async function collected(status?: number) {
  const collector = await openCollector(status);
  onTestFinished(() => collector.close());
  const endpoint = `${collector.endpoint}/v1/traces`;
  const problems: string[] = [];
  const tracing = await openTracing({ endpoint, version: "1", onProblem: problem => problems.push(problem) });
  if (tracing === undefined) throw new Error("there is an endpoint");
  const span = (name: string) => collector.spans.find(span => span.name === name);
  /** Until the collector has the span that ends last: the close alone does not wait long for that. */
  const close = async (last: string) => {
    await tracing.close();
    await expect.poll(() => span(last)).toBeDefined();
  };
  return { tracing, collector, span, problems, close };
}

test("a trace has its parts, moments and past, and what called it does not matter", async () => {
  const { tracing, collector, span, close } = await collected();
  const since = performance.now() - 1000;
  let late = () => {};
  await tracing.trace("outer", {}, 0, () =>
    tracing.trace("run", { "atc.loop": "instance" }, since, async () => {
      tracing.past("wait", {}, since);
      await tracing.span("render", {}, async () => {
        const asked = tracing.bind((name: string) => tracing.event("lookup", { name }));
        // A worker's message comes in no context of ours.
        await new Promise<void>(done => {
          late = () => {
            asked("nginx");
            done();
          };
          queueMicrotask(() => late());
        });
      });
      tracing.describe({ "atc.result": "rendered" });
    }),
  );
  await tracing.span("alone", {}, async () => tracing.event("nowhere", {}));
  await close("outer");
  expect(collector.spans.map(({ name }) => name).sort()).toEqual(["outer", "render", "run", "wait"]);
  const [run, render, wait] = ["run", "render", "wait"].map(span);
  expect(run?.parentSpanId ?? "").toBe("");
  expect(run?.traceId).not.toBe(span("outer")?.traceId);
  expect([render?.parentSpanId, wait?.parentSpanId]).toEqual([run?.spanId, run?.spanId]);
  expect(wait?.startTimeUnixNano).toBe(run?.startTimeUnixNano);
  expect(render?.events.map(({ name }) => name)).toEqual(["lookup"]);
  expect(run?.attributes.map(({ key }) => key)).toEqual(["atc.loop", "atc.result"]);
  expect(Number(run?.endTimeUnixNano) - Number(run?.startTimeUnixNano)).toBeGreaterThanOrEqual(1e9);
  expect(collector.received()).toContain('"atc"');
});

test("the times of a trace are of one clock: what comes later does not begin earlier", async () => {
  const { tracing, collector, span, close } = await collected();
  const since = performance.now();
  await tracing.trace("run", {}, since, async () => {
    tracing.past("wait", {}, since);
    for (let part = 0; part < 20; part++) {
      await tracing.span(`part ${part}`, {}, async () => tracing.event("moment", {}));
    }
  });
  await close("run");
  const parts = collector.spans.filter(({ name }) => name.startsWith("part"));
  const times = [
    span("run")?.startTimeUnixNano,
    span("wait")?.endTimeUnixNano,
    ...parts.flatMap(part => [part.startTimeUnixNano, part.events[0]?.timeUnixNano, part.endTimeUnixNano]),
    span("run")?.endTimeUnixNano,
  ].map(time => BigInt(time ?? 0));
  expect(times).toHaveLength(63);
  expect(times).toEqual([...times].sort((a, b) => (a < b ? -1 : 1)));
});

test("an error is told by its code alone, and goes on", async () => {
  const { tracing, collector, span, close } = await collected();
  const failing = tracing.trace("run", {}, performance.now(), async () => {
    throw new CodedError("X_Y", "the password is hunter2", "Mend it.");
  });
  await expect(failing).rejects.toThrow("hunter2");
  await close("run");
  expect(span("run")?.status).toEqual({ code: 2, message: "X_Y" });
  expect(collector.received()).not.toContain("hunter2");
});

test("an endpoint that refuses is a problem to tell, and none for the work", async () => {
  const { tracing, problems } = await collected(400);
  expect(await tracing.trace("run", {}, performance.now(), async () => 7)).toBe(7);
  await tracing.close();
  await expect.poll(() => problems).not.toEqual([]);
});

test("without an endpoint there is none, and the controller loads nothing of it", async () => {
  expect(await openTracing({ endpoint: undefined, version: "1", onProblem: () => {} })).toBeUndefined();
  const hook = `import { registerHooks } from "node:module";
    registerHooks({ resolve(name, context, next) {
      // The Prometheus client asks for the API, which does nothing by itself.
      if (name.startsWith("@opentelemetry/") && name !== "@opentelemetry/api") throw new Error("loaded " + name);
      return next(name, context);
    } });`;
  const main = resolve(import.meta.dirname, "../main.ts");
  const options = ["--import", `data:text/javascript,${encodeURIComponent(hook)}`, main, "run", "--help"];
  expect(execFileSync(process.execPath, options, { encoding: "utf8" })).toContain("OTEL_EXPORTER_OTLP_ENDPOINT");
});
