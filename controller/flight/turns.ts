/**
 * Who runs next, when more flights want to run than workers there are.
 *
 * A group (all instances of one Airway, say) gets no more than `size` turns at a time, and there is one turn more than
 * that: so a group whose flights are slow, or spin until their time-out, never keeps another one from running. Among
 * groups that wait, the one with the fewest turns is next, and among equals the one that was served longest ago.
 */

interface Waiting {
  readonly since: number;
  readonly turn: PromiseWithResolvers<void>;
}

interface Group {
  running: number;
  readonly waiting: Waiting[];
}

export class Turns {
  readonly #size: number;
  readonly #now: () => number;
  /** The group served last is at the end. */
  readonly #groups = new Map<string, Group>();
  #running = 0;

  constructor(size: number, now: () => number = () => performance.now()) {
    this.#size = size;
    this.#now = now;
  }

  get running(): number {
    return this.#running;
  }

  get queued(): number {
    return this.#groups.values().reduce((sum, { waiting }) => sum + waiting.length, 0);
  }

  /** Milliseconds that the oldest of the queue has waited; 0 where none waits. */
  get longestWait(): number {
    const now = this.#now();
    return this.#groups.values().reduce((longest, { waiting: [first] }) => {
      return first === undefined ? longest : Math.max(longest, now - first.since);
    }, 0);
  }

  /** Resolves when a turn is taken; each is to be given back by `pass`. Rejects with the signal's reason. */
  async take(name: string, signal?: AbortSignal): Promise<void> {
    const group = this.#groups.get(name) ?? { running: 0, waiting: [] };
    this.#groups.set(name, group);
    if (group.waiting.length === 0 && this.#admits(group)) return this.#serve(name, group);
    const waiting = { since: this.#now(), turn: Promise.withResolvers<void>() };
    const abort = () => {
      const at = group.waiting.indexOf(waiting);
      if (at >= 0) group.waiting.splice(at, 1);
      this.#forget(name, group);
      waiting.turn.reject(signal?.reason);
    };
    group.waiting.push(waiting);
    signal?.addEventListener("abort", abort, { once: true });
    await waiting.turn.promise.finally(() => signal?.removeEventListener("abort", abort));
  }

  /** Gives a turn back. One that ends admits at most one that waits. */
  pass(name: string): void {
    const ended = this.#groups.get(name);
    if (!ended) return;
    this.#running -= 1;
    ended.running -= 1;
    const waiting = [...this.#groups].filter(([, group]) => group.waiting.length > 0 && this.#admits(group));
    const fewest = Math.min(...waiting.map(([, { running }]) => running));
    const next = waiting.find(([, { running }]) => running === fewest);
    if (next) {
      const [first] = next[1].waiting.splice(0, 1);
      this.#serve(...next);
      first?.turn.resolve();
    }
    this.#forget(name, ended);
  }

  /** Ends all waiting. */
  reject(error: Error): void {
    for (const { waiting } of this.#groups.values()) for (const { turn } of waiting.splice(0)) turn.reject(error);
  }

  #admits(group: Group): boolean {
    return this.#running <= this.#size && group.running < this.#size;
  }

  #serve(name: string, group: Group): void {
    this.#running += 1;
    group.running += 1;
    this.#groups.delete(name);
    this.#groups.set(name, group);
  }

  #forget(name: string, group: Group): void {
    if (group.running === 0 && group.waiting.length === 0) this.#groups.delete(name);
  }
}
