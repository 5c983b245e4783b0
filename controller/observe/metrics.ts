/**
 * What the controller counts, in Prometheus' form. Names begin with `atc_`; durations are in seconds.
 * Labels have few values: an Airway's name, a result; never an instance's name.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** From a few milliseconds, a bare apply, to the time-out of a slow flight. */
const latencyBuckets = [0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Values that are read when Prometheus asks, and cost nothing before. */
export interface Readings {
  readonly watches: number;
  /** Milliseconds since the most silent watch of a kind last heard of the API server. */
  readonly watchAges: ReadonlyMap<string, number>;
  readonly watchedObjects: number;
  readonly queued: number;
  readonly running: number;
  readonly failing: number;
  readonly oldestQueueWaitSeconds: number;
  readonly instances: number;
  readonly pendingRevisions: number;
  readonly openBreakers: number;
  readonly sandboxWorkers: number;
  readonly sandboxBusy: number;
  readonly sandboxWaiting: number;
  readonly sandboxLongestWaitSeconds: number;
  readonly sandboxLost: number;
}

export interface WebhookReadings {
  /** Milliseconds since the epoch; undefined: none is served yet. */
  certificateExpiry(): number | undefined;
  /** Number of configurations that are not as they should be. */
  unregistered(): number;
}

export interface Metrics {
  readonly renders: Counter<"airway" | "result">;
  readonly renderSeconds: Histogram<"airway">;
  /** From the arrival of the watch event that started it to the answer to the last write. */
  readonly eventToPatchSeconds: Histogram<"airway">;
  readonly queueWaitSeconds: Histogram;
  /** For a worker thread. */
  readonly sandboxWaitSeconds: Histogram;
  readonly applies: Counter<"result">;
  readonly reconcileErrors: Counter<"loop" | "code">;
  readonly watchRestarts: Counter<"reason">;
  readonly apiRequests: Counter<"verb" | "status">;
  readonly apiRequestSeconds: Histogram<"verb">;
  readonly admissionSeconds: Histogram<"webhook" | "decision">;
  readonly moduleLoads: Counter<"result">;
  readonly moduleLooks: Counter<"source" | "result">;
  readonly revisions: Counter<"result">;
  readonly events: Counter<"result">;
  readonly fencedWrites: Counter;
  /** Names the source of the gauges; the last one given counts. */
  readFrom(source: () => Readings): void;
  /** Names the source of `atc_leader`. */
  readLeaderFrom(source: () => boolean): void;
  /** Names the source of the gauges of webhooks, where there are some. */
  readWebhooksFrom(source: WebhookReadings): void;
  /** What there is to be counted, in the order of the page. */
  describe(): MetricDescription[];
  /** The page that Prometheus reads. */
  page(): Promise<string>;
  readonly contentType: string;
}

export interface MetricDescription {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labels: readonly string[];
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  let source: (() => Readings) | undefined;
  let leads = () => false;
  let webhooks: WebhookReadings | undefined;
  new Gauge({
    name: "atc_leader",
    help: "1 while this replica may write, 0 while it stands by.",
    registers,
    collect() {
      this.set(leads() ? 1 : 0);
    },
  });
  defineGauges(registry, () => source?.());
  new Gauge({
    name: "atc_certificate_expiry_timestamp_seconds",
    help: "When the certificate of the webhooks ends, in seconds since the epoch; absent where none are served.",
    registers,
    collect() {
      const at = webhooks?.certificateExpiry();
      if (at === undefined) this.remove();
      else this.set(at / 1000);
    },
  });
  new Gauge({
    name: "atc_webhook_configurations_unregistered",
    help: "Webhook configurations that the API server does not have as they should be; what they guard is not reviewed.",
    registers,
    collect() {
      this.set(webhooks?.unregistered() ?? 0);
    },
  });
  return {
    renders: new Counter({
      name: "atc_renders_total",
      help: "Renders wanted, by what became of them: rendered, skipped because no input changed, held back, failed.",
      labelNames: ["airway", "result"],
      registers,
    }),
    renderSeconds: new Histogram({
      name: "atc_render_seconds",
      help: "Time of one run of a flight, lookups included.",
      labelNames: ["airway"],
      buckets: latencyBuckets,
      registers,
    }),
    eventToPatchSeconds: new Histogram({
      name: "atc_event_to_patch_seconds",
      help: "From the arrival of a watch event to the answer to the last write that it led to.",
      labelNames: ["airway"],
      buckets: latencyBuckets,
      registers,
    }),
    queueWaitSeconds: new Histogram({
      name: "atc_queue_wait_seconds",
      help: "Time between an instance being due and a worker taking it.",
      buckets: latencyBuckets,
      registers,
    }),
    sandboxWaitSeconds: new Histogram({
      name: "atc_sandbox_wait_seconds",
      help: "Time that a render waited for a worker thread.",
      buckets: latencyBuckets,
      registers,
    }),
    applies: new Counter({
      name: "atc_applies_total",
      help: "Children compared with their desired state: created, updated, deleted, unchanged by a request, kept without one, conflict.",
      labelNames: ["result"],
      registers,
    }),
    reconcileErrors: new Counter({
      name: "atc_reconcile_errors_total",
      help: "Failed runs, by loop (airway, instance, flight) and error code.",
      labelNames: ["loop", "code"],
      registers,
    }),
    watchRestarts: new Counter({
      name: "atc_watch_restarts_total",
      help: "Watches opened again, by reason.",
      labelNames: ["reason"],
      registers,
    }),
    apiRequests: new Counter({
      name: "atc_api_requests_total",
      help: "Requests to the API server, by verb and HTTP status.",
      labelNames: ["verb", "status"],
      registers,
    }),
    apiRequestSeconds: new Histogram({
      name: "atc_api_request_seconds",
      help: "Time to the head of the API server's answer, by verb; of a watch, to its opening.",
      labelNames: ["verb"],
      buckets: latencyBuckets,
      registers,
    }),
    admissionSeconds: new Histogram({
      name: "atc_admission_seconds",
      help: "Calls of webhooks, by decision: allowed, warned, denied, converted, failed.",
      labelNames: ["webhook", "decision"],
      buckets: latencyBuckets,
      registers,
    }),
    moduleLoads: new Counter({
      name: "atc_module_loads_total",
      help: "Modules wanted by a loop or a webhook, by what they got: newest, former because the newest does not pass or is not known, failed.",
      labelNames: ["result"],
      registers,
    }),
    moduleLooks: new Counter({
      name: "atc_module_looks_total",
      help: "Questions to a module's source, by scheme: fetched, unchanged, failed.",
      labelNames: ["source", "result"],
      registers,
    }),
    revisions: new Counter({
      name: "atc_revisions_total",
      help: "Secrets of revisions, by result: written, refused by the API server.",
      labelNames: ["result"],
      registers,
    }),
    events: new Counter({
      name: "atc_events_total",
      help: "Kubernetes Events, by result: created, suppressed as a repeat, dropped, failed.",
      labelNames: ["result"],
      registers,
    }),
    fencedWrites: new Counter({
      name: "atc_fenced_writes_total",
      help: "Writes that were not sent because this replica does not lead (any more).",
      registers,
    }),
    readFrom: next => {
      source = next;
    },
    readLeaderFrom: next => {
      leads = next;
    },
    readWebhooksFrom: next => {
      webhooks = next;
    },
    describe: () =>
      registry.getMetricsAsArray().map(metric => {
        const { name, help, type, labelNames = [] } = metric as typeof metric & { labelNames?: string[] };
        return { name, help, type: String(type), labels: labelNames };
      }),
    page: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

const gauges = {
  watches: ["atc_watches", "Open watches."],
  watchedObjects: ["atc_watched_objects", "Objects held in the stores of all watches."],
  queued: ["atc_queue_depth", "Airways and instances waiting for a worker."],
  running: ["atc_workers_busy", "Reconciles running now."],
  failing: ["atc_queue_failing", "Airways and instances whose last run failed."],
  oldestQueueWaitSeconds: ["atc_queue_oldest_wait_seconds", "How long the one that waits longest has waited."],
  instances: ["atc_instances", "Custom resources under control."],
  pendingRevisions: ["atc_revisions_pending", "Revisions recorded in a status whose Secrets are not written yet."],
  openBreakers: ["atc_breaker_open", "Releases that are slowed down because they render without end."],
  sandboxWorkers: ["atc_sandbox_workers", "Worker threads that run flights."],
  sandboxBusy: ["atc_sandbox_busy", "Worker threads running a flight now."],
  sandboxWaiting: ["atc_sandbox_waiting", "Renders waiting for a worker thread."],
  sandboxLongestWaitSeconds: ["atc_sandbox_longest_wait_seconds", "How long the oldest of them has waited."],
} as const satisfies Record<
  Exclude<keyof Readings, "watchAges" | "sandboxLost">,
  readonly [name: string, help: string]
>;

/** All that is read when the page is made. */
function defineGauges(registry: Registry, read: () => Readings | undefined): void {
  for (const [key, [name, help]] of Object.entries(gauges)) {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        const readings = read();
        if (readings !== undefined) this.set(readings[key as keyof typeof gauges]);
      },
    });
  }
  new Counter({
    name: "atc_sandbox_lost_total",
    help: "Worker threads that had to be replaced: terminated at a time-out, grown too large, dead.",
    registers: [registry],
    collect() {
      this.reset();
      this.inc(read()?.sandboxLost ?? 0);
    },
  });
  new Gauge({
    name: "atc_watch_age_seconds",
    help: "Seconds since the most silent watch of a kind last heard of the API server.",
    labelNames: ["kind"],
    registers: [registry],
    collect() {
      this.reset();
      for (const [kind, age] of read()?.watchAges ?? []) this.set({ kind }, age / 1000);
    },
  });
}
