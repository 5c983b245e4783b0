/**
 * The Air Traffic Controller as a process: configuration in, a running controller out.
 * SIGINT and SIGTERM end it after the runs under way; a second one ends it at once.
 */

import { describeError } from "../lib/errors.ts";
import { type Config, parseConfig } from "./config.ts";
import { createSandbox } from "./flight/sandbox.ts";
import { createClient } from "./kube/client.ts";
import { loadConfig } from "./kube/config.ts";
import { createEventRecorder } from "./observe/events.ts";
import { createLogger } from "./observe/log.ts";
import { createMetrics } from "./observe/metrics.ts";
import { startServer } from "./observe/server.ts";
import { createController } from "./reconcile/controller.ts";
import { statusManager } from "./reconcile/status.ts";

const longestStopMs = 20_000;

async function run(config: Config): Promise<void> {
  const log = createLogger({ format: config.logFormat, verbose: config.verbose });
  const metrics = createMetrics();
  const cluster = loadConfig({
    ...(config.kube === undefined ? {} : { kubeconfig: config.kube }),
    ...(config.kubeContext === undefined ? {} : { context: config.kubeContext }),
  });
  const client = createClient(cluster, {
    userAgent: "atc/0.1",
    onRequest: ({ method, status }) => metrics.apiRequests.inc({ verb: method, status: String(status) }),
  });
  const sandbox = createSandbox({ workers: config.flightWorkers });
  const events = createEventRecorder({
    create: event => client.create(event, { fieldManager: statusManager }),
    count: result => metrics.events.inc({ result }),
    onError: error => log.warn({ error: describeError(error) }, "an Event was not recorded"),
  });
  const { concurrency } = config;
  const controller = createController({ client, sandbox, events, metrics, log, concurrency });
  let started = false;
  const server = await startServer({
    ...config.metricsAddress,
    metrics,
    ready: () => [{ name: "started", ok: started, detail: "the Airways are not known yet" }, ...controller.checks()],
  });
  log.info({ server: cluster.server, address: server.address }, "starting");

  const stop = async (signal: string) => {
    log.info({ signal }, "stopping");
    // An API server that does not answer must not keep the process: what is unfinished is done by the next start.
    setTimeout(() => process.exit(1), longestStopMs).unref();
    await controller.stop();
    await events.flush();
    await sandbox.close();
    await client.transport.close();
    await server.close();
  };
  let stopping = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(1);
      stopping = true;
      stop(signal).then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
  }
  await controller.start();
  started = true;
}

try {
  const command = parseConfig(process.argv.slice(2), process.env);
  if (command.kind === "help") process.stdout.write(command.text);
  else await run(command.config);
} catch (error) {
  process.stderr.write(`atc: ${describeError(error)}\n`);
  process.exit(1);
}
