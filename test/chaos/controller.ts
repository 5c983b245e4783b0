/** The controller under test: whichever process it is just now. */
import { Atc, startAtc } from "../e2e/support/atc.ts";

export class Controller {
  readonly #kubeconfig: string;
  #atc: Atc;
  /** Renders of processes that are gone, as far as they could be asked. */
  #rendersBefore = 0;
  #renders = 0;
  #log = "";
  /** Whose end nobody asked for. */
  #watched: Atc | undefined;
  readonly #crash = Promise.withResolvers<never>();
  starts = 1;

  private constructor(kubeconfig: string, atc: Atc) {
    this.#kubeconfig = kubeconfig;
    this.#atc = atc;
    this.#crash.promise.catch(() => undefined);
    this.#guard();
  }

  static async start(kubeconfig: string): Promise<Controller> {
    return new Controller(kubeconfig, await startAtc({ kubeconfig }));
  }

  /** What it wrote about these objects, and at last: for who looks for the cause of a failure. */
  log(names: readonly string[]): string {
    const lines = `${this.#log}\n${this.#atc.logs()}`.split("\n");
    const about = lines.filter(line => names.some(name => line.includes(name)));
    return [...about.slice(-40), "…", ...lines.slice(-20)].join("\n");
  }

  /** What it counts, where it can still be asked. */
  async counts(): Promise<string> {
    const { body } = await this.#atc.page("/metrics").catch(() => ({ body: "it does not answer" }));
    return body
      .split("\n")
      .filter(line => /^atc_(queue_depth|workers|sandbox|watch|reconcile)/.test(line))
      .join("\n");
  }

  async replace(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    await this.renders();
    this.#watched = undefined;
    await this.#atc.kill(signal);
    this.#rendersBefore += this.#renders;
    this.#renders = 0;
    this.#log = `${this.#log}\n${this.#atc.logs()}`.split("\n").slice(-2_000).join("\n");
    this.#atc = new Atc({ kubeconfig: this.#kubeconfig });
    this.#guard();
    this.starts++;
  }

  /** Rejects when the process ends by itself, which it never may. */
  crash(): Promise<never> {
    return this.#crash.promise;
  }

  signal(name: "SIGSTOP" | "SIGCONT"): void {
    this.#atc.signal(name);
  }

  /** So far, of all processes. */
  async renders(): Promise<number> {
    const rendered = await this.#atc.metric("atc_renders_total", { result: "rendered" }).catch(() => this.#renders);
    this.#renders = Math.max(this.#renders, rendered);
    return this.#rendersBefore + this.#renders;
  }

  idle(): Promise<void> {
    return this.#atc.idle();
  }

  #guard(): void {
    const atc = this.#atc;
    this.#watched = atc;
    void atc.ended().then(() => {
      if (this.#watched === atc) this.#crash.reject(new Error("the controller ended by itself"));
    });
  }

  async end(): Promise<void> {
    this.#watched = undefined;
    await this.#atc.kill("SIGTERM");
  }
}
