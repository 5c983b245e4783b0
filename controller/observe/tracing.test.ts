import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { CodedError } from "../../lib/errors.ts";
import { openTracing } from "./tracing.ts";

interface Sent {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code?: number; readonly message?: string };
  readonly events: readonly { readonly name: string }[];
  readonly attributes: readonly { readonly key: string; readonly value: unknown }[];
}

/** What takes traces, and tracing towards it. */
async function collector(status = 200) {
  const spans = new Map<string, Sent>();
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    void text(request).then(body => {
      bodies.push(body);
      const { resourceSpans } = JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: Sent[] }[] }[] };
      const all = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(scope => scope.spans));
      for (const span of all) spans.set(span.name, span);
      response.writeHead(status).end("{}");
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(async () => {
    server.closeAllConnections();
    await once(server.close(), "close");
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`;
  const problems: string[] = [];
  const tracing = await openTracing({ endpoint, version: "1", onProblem: problem => problems.push(problem) });
  if (tracing === undefined) throw new Error("there is an endpoint");
  return { tracing, spans, bodies, problems };
}

test("a trace has its parts, moments and past, and what called it does not matter", async () => {
  const { tracing, spans, bodies } = await collector();
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
  await tracing.close();
  expect([...spans.keys()].sort()).toEqual(["outer", "render", "run", "wait"]);
  const [run, render, wait] = ["run", "render", "wait"].map(name => spans.get(name));
  expect(run?.parentSpanId ?? "").toBe("");
  expect(run?.traceId).not.toBe(spans.get("outer")?.traceId);
  expect([render?.parentSpanId, wait?.parentSpanId]).toEqual([run?.spanId, run?.spanId]);
  expect(wait?.startTimeUnixNano).toBe(run?.startTimeUnixNano);
  expect(render?.events.map(({ name }) => name)).toEqual(["lookup"]);
  expect(run?.attributes.map(({ key }) => key)).toEqual(["atc.loop", "atc.result"]);
  expect(Number(run?.endTimeUnixNano) - Number(run?.startTimeUnixNano)).toBeGreaterThanOrEqual(1e9);
  expect(bodies.join()).toContain('"atc"');
});

test("an error is told by its code alone, and goes on", async () => {
  const { tracing, spans, bodies } = await collector();
  const failing = tracing.trace("run", {}, performance.now(), async () => {
    throw new CodedError("X_Y", "the password is hunter2", "Mend it.");
  });
  await expect(failing).rejects.toThrow("hunter2");
  await tracing.close();
  expect(spans.get("run")?.status).toEqual({ code: 2, message: "X_Y" });
  expect(bodies.join()).not.toContain("hunter2");
});

test("an endpoint that refuses is a problem to tell, and none for the work", async () => {
  const { tracing, problems } = await collector(400);
  expect(await tracing.trace("run", {}, performance.now(), async () => 7)).toBe(7);
  await tracing.close();
  expect(problems.length).toBeGreaterThan(0);
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
