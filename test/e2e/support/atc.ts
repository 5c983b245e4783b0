/** The controller as its own process, as users run it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { freePort } from "../../../local/ports.ts";
import { eventually } from "./eventually.ts";
import { serviceAccount } from "./identity.ts";

const root = resolve(import.meta.dirname, "../../..");
const main = resolve(root, "controller/main.ts");
/** Halves the time that a start takes. */
const compileCache = resolve(root, ".state/compile-cache");

/** A test that fails must not leave a second controller to the next one. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export interface AtcOptions {
  readonly kubeconfig: string;
  readonly env?: Readonly<Record<string, string>>;
}

export class Atc {
  readonly #process: ChildProcess;
  readonly #lines: string[] = [];
  readonly #address = Promise.withResolvers<string>();
  readonly #exit: Promise<unknown>;

  constructor({ kubeconfig, env = {} }: AtcOptions) {
    this.#process = spawn(process.execPath, [main], {
      env: {
        ...{ NODE_COMPILE_CACHE: compileCache, KUBE: kubeconfig, METRICS_ADDRESS: "127.0.0.1:0" },
        // Tests and benches write faster than the breaker likes; pace.test.ts is about it.
        ...{ RENDER_BURST: "1000000" },
        ...env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(this.#process);
    this.#exit = once(this.#process, "close").finally(() => running.delete(this.#process));
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on("line", line => this.#take(line));
    }
    void this.#exit.then(() => this.#address.reject(new Error(`the controller ended:\n${this.logs()}`)));
    this.#address.promise.catch(() => undefined);
  }

  /** Everything it wrote. */
  logs(): string {
    return this.#lines.join("\n");
  }

  async page(path: "/healthz" | "/readyz" | "/metrics"): Promise<{ status: number; body: string }> {
    // A connection of its own: one that is kept may be closed by the server just when it is used again.
    const response = await fetch(`http://${await this.#address.promise}${path}`, { headers: { connection: "close" } });
    return { status: response.status, body: await response.text() };
  }

  ready(): Promise<void> {
    return eventually("the controller is ready", async () => {
      const { status, body } = await this.page("/readyz");
      if (status !== 200) throw new Error(`${body}\n${this.logs()}`);
    });
  }

  /** Sum of the samples of one metric that carry these labels. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const { body } = await this.page("/metrics");
    return sumOf(body, name, labels);
  }

  /** Resolves when nothing is queued or running; what is yet to arrive as an event does not count. */
  idle(): Promise<void> {
    return eventually("the controller is idle", () => this.requireIdle());
  }

  /** @throws Error when something is queued or running */
  async requireIdle(): Promise<void> {
    // Of one moment: what was running at one look may be queued at the next.
    const { body } = await this.page("/metrics");
    const [queued, running] = [sumOf(body, "atc_queue_depth"), sumOf(body, "atc_workers_busy")];
    if (queued + running > 0) throw new Error(`${queued} queued, ${running} running`);
  }

  /**
   * Resolves when releases of this Airway have rendered because of what `action` changes, and nothing is queued: what the
   * controller goes by from then on. That it is idle alone would not tell whether the change has reached it.
   */
  async rendersAfter(airway: string, action: () => Promise<unknown>): Promise<void> {
    const rendered = () => this.metric("atc_renders_total", { airway, result: "rendered" });
    await this.idle();
    const before = await rendered();
    await action();
    await eventually(`${airway} rendered`, async () => {
      if ((await rendered()) === before) throw new Error(`${before} renders, as before`);
    });
    await this.idle();
  }

  /** Resolves when every revision is written; they follow a roll when it has been quiet for a moment. */
  kept(): Promise<void> {
    return eventually("all revisions are written", async () => {
      const pending = await this.metric("atc_revisions_pending");
      if (pending > 0) throw new Error(`${pending} revisions are pending`);
      await this.idle();
    });
  }

  /** Resolves when every instance has been looked at since the start, and nothing is queued. */
  async settled(): Promise<void> {
    await eventually("all instances were looked at", async () => {
      const [looks, instances] = [await this.metric("atc_renders_total"), await this.metric("atc_instances")];
      if (instances === 0 || looks < instances) throw new Error(`${looks} looks at ${instances} instances`);
    });
    await this.idle();
  }

  /** Resolves when the process has ended. */
  async kill(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    this.#process.kill(signal);
    await this.#exit;
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#process.kill(signal);
  }

  /** Its exit status, when it has ended. */
  async ended(): Promise<number | null> {
    await this.#exit;
    return this.#process.exitCode;
  }

  #take(line: string): void {
    this.#lines.push(line);
    const address = /"address":"([^"]+)"/.exec(line)?.[1];
    if (address !== undefined && line.includes('"starting"')) this.#address.resolve(address);
  }
}

/** Of a page of metrics. */
function sumOf(page: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return page
    .split("\n")
    .filter(line => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter(line => wanted.every(label => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

/**
 * Options for a controller with webhooks: its own ServiceAccount, and a fixed port on which the API server reaches it by
 * a loopback URL. Use them for each start of it, so that a restart serves where the last one did.
 *
 * @param kubeconfig the admin's
 */
export async function withAdmission(kubeconfig: string, name = "atc"): Promise<AtcOptions> {
  const identity = await serviceAccount(kubeconfig, { name });
  const port = await freePort(new Set());
  return {
    kubeconfig: identity.kubeconfig,
    env: { PORT: String(port), WEBHOOK_URL: `https://127.0.0.1:${port}` },
  };
}

/** Starts a controller and waits until it is ready. */
export async function startAtc(options: AtcOptions): Promise<Atc> {
  const atc = new Atc(options);
  await atc.ready();
  return atc;
}
