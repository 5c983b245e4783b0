/** What is known of one URL: the newest module there, and the last one that somebody could use. */
import { CodedError } from "../../lib/errors.ts";
import type { FlightModule } from "../flight/loader.ts";
import type { DiskCache } from "./diskCache.ts";
import { moduleErrors } from "./errors.ts";
import type { Look, Validator } from "./source.ts";

export type LookResult = "fetched" | "unchanged" | "failed";

export interface EntryOptions {
  /** In the cache. */
  readonly key: string;
  /** For errors. */
  readonly url: string;
  readonly cache: DiskCache;
  /** What was found once need not be looked at again. */
  readonly isImmutable: boolean;
  /** Infinity: never but on demand. */
  readonly refreshMs: number;
  /** Of one look. */
  readonly timeoutMs: number;
  now(): number;
  /** Ends looks. */
  readonly closing: AbortSignal;
  look(validator: Validator | undefined, signal: AbortSignal): Promise<Look>;
  moduleOf(content: Uint8Array): Promise<FlightModule>;
  looked(result: LookResult): void;
}

interface Held {
  readonly module: FlightModule;
  validator: Validator | undefined;
  /** Has passed the checks of somebody. */
  accepted: boolean;
  /** Is on disk, with this validator. */
  saved: boolean;
}

/** After a look that failed. */
const retryMs = 30_000;
/** A restart serves what is on disk at once, and asks the source then. */
const afterRestartMs = 1_000;

export class Entry {
  readonly #options: EntryOptions;
  /** Newest first, and behind it the last accepted one. */
  #held: Held[] = [];
  #dueAt = 0;
  #problem: CodedError | undefined;
  #looking: Promise<void> | undefined;
  #restoring: Promise<void> | undefined;
  #saving: Promise<void> = Promise.resolve();

  constructor(options: EntryOptions) {
    this.#options = options;
  }

  /** Looks if it is time to, or `fresh`. Throws only when there is no module then. */
  async refresh(fresh: boolean): Promise<void> {
    this.#restoring ??= this.#restore();
    await this.#restoring;
    const { now, isImmutable } = this.#options;
    if (this.#held.length > 0 && (isImmutable || (!fresh && now() < this.#dueAt))) return;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    await this.#looking;
    if (this.#held.length === 0 && this.#problem !== undefined) throw this.#problem;
  }

  /**
   * The newest module that passes. With it the reason why it is not the newest, or is perhaps not.
   * @throws what the newest one fails with, where none passes
   */
  async choose(check: (module: FlightModule) => Promise<void>): Promise<{
    module: FlightModule;
    problem: CodedError | undefined;
  }> {
    let refused: unknown;
    for (const held of [...this.#held]) {
      try {
        await check(held.module);
      } catch (error) {
        refused ??= error;
        continue;
      }
      held.accepted = true;
      this.#save();
      return { module: held.module, problem: refused instanceof CodedError ? refused : this.#problem };
    }
    throw refused;
  }

  dueInMs(): number | undefined {
    const { now, isImmutable } = this.#options;
    return isImmutable || this.#dueAt === Number.POSITIVE_INFINITY ? undefined : Math.max(0, this.#dueAt - now());
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await this.#looking?.catch(() => undefined);
    await this.#saving;
  }

  async #restore(): Promise<void> {
    const { cache, key, moduleOf, now } = this.#options;
    const cached = await cache.read(key);
    const module = cached && (await moduleOf(cached.bytes).catch(() => undefined));
    if (cached === undefined || module === undefined) return;
    this.#held = [{ module, validator: cached.validator, accepted: true, saved: true }];
    this.#dueAt = now() + afterRestartMs;
  }

  async #look(): Promise<void> {
    const { now, refreshMs, timeoutMs, closing, looked } = this.#options;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const look = await this.#options.look(this.#held[0]?.validator, AbortSignal.any([closing, timeout]));
      if (look.state === "content") await this.#take(look.content, look.validator);
      this.#problem = undefined;
      this.#dueAt = now() + refreshMs;
      looked(look.state === "content" ? "fetched" : "unchanged");
    } catch (error) {
      this.#problem = this.#coded(error, timeout);
      this.#dueAt = now() + Math.min(refreshMs, retryMs);
      looked("failed");
    }
  }

  async #take(content: Uint8Array, validator: Validator): Promise<void> {
    const module = await this.#options.moduleOf(content);
    const same = this.#held.find(held => held.module === module);
    const newest = same ?? { module, validator, accepted: false, saved: false };
    newest.validator = validator;
    newest.saved = false;
    const former = this.#held.find(held => held.accepted && held !== newest);
    this.#held = former === undefined ? [newest] : [newest, former];
  }

  /** On disk is what was accepted last: a restart must not begin with what nobody could use. */
  #save(): void {
    const [newest] = this.#held;
    if (newest === undefined || !newest.accepted || newest.saved) return;
    newest.saved = true;
    const { cache, key } = this.#options;
    this.#saving = this.#saving.then(() => cache.write(key, newest.module, newest.validator ?? {}));
  }

  #coded(error: unknown, timeout: AbortSignal): CodedError {
    const { closing, url, timeoutMs } = this.#options;
    if (closing.aborted) return moduleErrors.MODULE_STORE_CLOSED({});
    if (error instanceof CodedError) return error;
    const why = timeout.aborted ? `it took longer than ${timeoutMs / 1000} s` : String(error);
    return moduleErrors.MODULE_UNREACHABLE({ url, why }, error);
  }
}
