#!/usr/bin/env node
/**
 * The Air Traffic Controller as a process: configuration in, a running controller out. With a command (`why`, `diff`, …)
 * it is the tool of who works with one instead: see cli/program.ts.
 * SIGINT and SIGTERM end it after the runs under way; a second one ends it at once. So does another replica that leads in
 * its place: a new process stands by without anything to unlearn (docs/decisions/0010-leader-election.md).
 */

import { basename } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describeError } from "../lib/errors.ts";
import { collectAtRest } from "../lib/garbage.ts";
import { type Config, parseConfig } from "./config.ts";
import { createSandbox } from "./flight/sandbox.ts";
import { createClient } from "./kube/client.ts";
import { loadConfig } from "./kube/config.ts";
import { controllerName } from "./kube/controllerName.ts";
import type { RequestInfo } from "./kube/transport.ts";
import { openLeadership } from "./leadership.ts";
import { openModuleStore } from "./moduleStore.ts";
import { createEventRecorder } from "./observe/events.ts";
import { createLogger } from "./observe/log.ts";
import { createMetrics } from "./observe/metrics.ts";
import { startServer } from "./observe/server.ts";
import { openTracing } from "./observe/tracing.ts";
import { createController } from "./reconcile/controller.ts";
import { createKeyring } from "./reconcile/keyring.ts";
import { tracedClient, tracedSandbox } from "./reconcile/trace.ts";
import { openWebhooks } from "./webhooks.ts";

const longestStopMs = 20_000;
/** For a replica that stops: how long another one has to take over before the webhooks are nobody's. */
const handOverMs = 2_000;
/** After its election a leader knows all releases by then, or as soon as nothing is left to do. */
const longestFirstLookMs = 60_000;
/** Exit status of a replica that must start again to stand by; sysexits' EX_TEMPFAIL. */
const lostLeadership = 75;

async function run(config: Config): Promise<void> {
  const log = createLogger({ format: config.logFormat, verbose: config.verbose });
  const metrics = createMetrics();
  const cluster = loadConfig({
    ...(config.kube === undefined ? {} : { kubeconfig: config.kube }),
    ...(config.kubeContext === undefined ? {} : { context: config.kubeContext }),
  });
  const leadership = openLeadership(config, cluster, log);
  metrics.readLeaderFrom(() => leadership.isLeader());
  let fencedWrites = 0;
  const onFenced = () => {
    fencedWrites++;
    metrics.fencedWrites.inc();
  };
  const onRequest = ({ method, status, milliseconds }: RequestInfo) => {
    metrics.apiRequests.inc({ verb: method, status: String(status) });
    metrics.apiRequestSeconds.observe({ verb: method }, milliseconds / 1000);
  };
  const { tracesEndpoint: endpoint } = config;
  const onProblem = (problem: string) => log.warn({ problem }, "traces could not be sent");
  const tracing = await openTracing({ endpoint, version: "0.1", onProblem });
  const bareClient = createClient(cluster, {
    userAgent: "atc/0.1",
    ...(leadership.shared ? { leadership, onFenced } : {}),
    onRequest,
  });
  const client = tracing === undefined ? bareClient : tracedClient(bareClient, tracing);
  const reviewer = createClient(cluster, { userAgent: "atc/0.1 webhooks", onRequest });
  const threads = createSandbox({ workers: config.flightWorkers });
  const sandbox = tracing === undefined ? threads : tracedSandbox(threads, tracing);
  const modules = openModuleStore(config, { client, sandbox, metrics, log });
  const events = createEventRecorder({
    create: event => client.create(event, { fieldManager: controllerName }),
    count: result => metrics.events.inc({ result }),
    onError: error => log.warn({ error: describeError(error) }, "an Event was not recorded"),
    busy: () => controller.pressed(),
  });
  const keyring = createKeyring({ client, namespace: config.svcNamespace ?? cluster.namespace, log });
  const { concurrency, renderBurst, customReadiness } = config;
  const webhooks = openWebhooks(config, cluster, {
    ...{ client, reviewer, sandbox, log },
    onCall: ({ milliseconds, ...labels }) => metrics.admissionSeconds.observe(labels, milliseconds / 1000),
  });
  if (webhooks !== undefined) metrics.readWebhooksFrom(webhooks);
  const shared = { client, sandbox, modules, events, metrics, log, keyring, ...(tracing && { tracing }) };
  const controller = createController({
    ...{ ...shared, ...(webhooks && { webhooks }) },
    ...{ concurrency, renderBurst, customReadiness },
  });
  const endCollecting = collectAtRest(() => controller.atRest());
  let started = false;
  const server = await startServer({
    ...config.metricsAddress,
    metrics,
    ready: () => [
      { name: "started", ok: started, detail: "the Airways are not known yet" },
      leadership.check(),
      ...controller.checks(),
      ...(webhooks === undefined ? [] : [webhooks.check(leadership.isLeader())]),
    ],
  });
  log.info({ server: cluster.server, address: server.address }, "starting");

  let stopping = false;
  const stop = async () => {
    stopping = true;
    // An API server that does not answer must not keep the process: what is unfinished is done by the next start.
    setTimeout(() => process.exit(1), longestStopMs).unref();
    endCollecting();
    await controller.stop();
    await events.flush();
    await webhooks?.leave();
    if (webhooks !== undefined && !(await leadership.handOver(handOverMs))) await webhooks.withdraw();
    await leadership.close();
    await webhooks?.close();
    await modules.close();
    await sandbox.close();
    await Promise.all([client, reviewer].map(({ transport }) => transport.close()));
    await server.close();
    await tracing?.close();
    log.info({ fencedWrites }, "ended");
  };
  const stopWith = (status: number) =>
    stop().then(
      () => process.exit(status),
      () => process.exit(1),
    );
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(1);
      log.info({ signal }, "stopping");
      void stopWith(0);
    });
  }
  void leadership.lost.then(holder => {
    if (stopping) return;
    log.error({ holder }, "another replica leads; this one ends, to stand by after its next start");
    void stopWith(lostLeadership);
  });
  const serving = webhooks?.serve(controller.airways, () => started);
  const lead = async () => {
    await leadership.elected;
    // A certificate has to be there before a CRD refers to it.
    await serving;
    if (stopping) return;
    log.info("leading");
    await controller.lead();
    await webhooks?.install(Promise.race([controller.idle(), delay(longestFirstLookMs, undefined, { ref: false })]));
  };
  await Promise.all([serving, lead(), controller.start().then(() => (started = true))]);
}

const args = process.argv.slice(2);
/** As kubectl calls it. A plugin does not start a controller because somebody typed no more. */
const isPlugin = basename(process.argv[1] ?? "").startsWith("kubectl-");
const [first = isPlugin ? "help" : "run", ...rest] = args;
const isHelp = first === "-h" || first === "--help";

try {
  if (first === "run" || (first.startsWith("-") && !isHelp && !isPlugin)) {
    const command = parseConfig(first === "run" ? rest : args, process.env);
    if (command.kind === "help") process.stdout.write(command.text);
    else await run(command.config);
  } else {
    // What only commands need takes no time of the controller's start.
    const { runCommand } = await import("./cli/program.ts");
    process.exitCode = await runCommand({ args: [first, ...rest], name: isPlugin ? "kubectl atc" : "atc" });
  }
} catch (error) {
  process.stderr.write(`atc: ${describeError(error)}\n`);
  process.exit(1);
}
