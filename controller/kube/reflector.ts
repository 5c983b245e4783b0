/**
 * Mirrors one resource type in one scope into a handler, for ever: list, then watch from there.
 *
 * Promises:
 * - No gap: a watch goes on where the last one ended; where the API server cannot serve that point any more (410, or
 *   a resourceVersion from before a restore), everything is listed again.
 * - No silent death: every failure leads to another attempt; after a watch without a sign of life everything is listed,
 *   because a watch from a resourceVersion that the API server has not reached yet is silent, too: that is how it is after
 *   etcd was restored from a backup (seen with Kubernetes 1.34).
 * - Time never goes back: the list is a consistent read (no resourceVersion; "0" could answer from a cache that is
 *   behind what somebody here has already seen), and repeated or older events are dropped.
 * - A handler that throws is told everything again.
 */
import { type Backoff, pauseAfter } from "./backoff.ts";
import { acceptOf, type KubeClient, resourcePath, selectorsOf, withType } from "./client.ts";
import { type Clock, sleep, systemClock } from "./clock.ts";
import { answerError, isKubeError, isMissingPath, type KubeError, kubeErrors } from "./errors.ts";
import type { KubeObject, ResourceType } from "./object.ts";
import { isRepeat, parseWatchEvent, type WatchEvent } from "./watchEvent.ts";

export interface ReflectorHandler {
  /** An event, or an object of a list: those come one by one, so that a long list is never in memory whole. */
  upsert(object: KubeObject): void;
  /**
   * After each list: every object of the scope was told with `upsert`, and what is not in `present` (see `nameKey`) does
   * not exist. A kind that is not served (any more) is reported to `failed`, and then told as nothing at
   * resourceVersion "".
   */
  listed(present: ReadonlySet<string>, resourceVersion: string): void;
  /** With the last state, whose resourceVersion is that of the deletion. */
  delete(object: KubeObject): void;
  /** All changes up to this resourceVersion have been told. */
  progress?(resourceVersion: string): void;
  /**
   * The list that is told next is older than what was told before: etcd was restored from a backup. What is known of
   * newer resourceVersions is void.
   */
  rewound?(): void;
  /** An attempt failed; the next one follows by itself. */
  failed?(error: Error): void;
}

/** How `listed` names an object within its kind. */
export function nameKey({ namespace = "", name }: { namespace?: string; name: string }): string {
  return `${namespace}/${name}`;
}

/** Why a watch, or the list before it, ended. `ended`: in order, as every watch does some day. */
export type WatchEnd = "ended" | "expired" | "silent" | "throttled" | "unavailable" | "refused" | "unserved" | "broken";

export interface ReflectorOptions {
  client: KubeClient;
  type: ResourceType;
  /** Empty or absent: all namespaces, or a cluster-scoped type. */
  namespace?: string;
  /** Exactly one object. */
  name?: string;
  labelSelector?: string;
  /** Objects come with their metadata only. */
  metadataOnly?: boolean;
  handler: ReflectorHandler;
  /** Is told each time that another attempt follows. */
  onEnd?: (reason: WatchEnd) => void;
  /** After a watch without a sign of life for so long there is a new list. Default 90 s; bookmarks come about every 60 s. */
  silenceMs?: number;
  clock?: Clock;
  random?: () => number;
}

interface ReflectorState {
  phase: "listing" | "watching" | "waiting" | "stopped";
  /** Milliseconds since the last sign of life: an event, a bookmark, an opened watch, a list; an attempt is none. */
  ageMs: number;
  /** Watches opened after the first one. */
  restarts: number;
  /** Of the last attempt, if it failed. */
  lastError?: string;
  /** The API server is well and says no: a right is missing, or the kind is not served. */
  refused: boolean;
}

export interface Reflector {
  start(): void;
  /** No call of the handler follows. */
  stop(): Promise<void>;
  /** Looks whether the kind is still, or again, served in the same way, and follows; else costs one discovery at most. */
  recheck(): void;
  /** Tells everything again, as after a list of its own accord: for a handler that has to look anew at what it was told. */
  relist(): void;
  /** Settles once: when the first complete state was handed over, or with KUBE_STOPPED. */
  readonly synced: Promise<void>;
  readonly type: ResourceType;
  state(): ReflectorState;
}

export function createReflector(options: ReflectorOptions): Reflector {
  return new ListWatch(options);
}

/** Bounded low, because every second without a watch is a second behind; Retry-After asks for more where needed. */
const serverTrouble: Backoff = { baseMs: 200, maxMs: 4_000, jitter: 0.5 };
/** Somebody has to do something first. */
const missingRight: Backoff = { baseMs: 2_000, maxMs: 60_000, jitter: 0.2 };
const missingKind: Backoff = { baseMs: 1_000, maxMs: 15_000, jitter: 0.2 };

/** A watch ends by itself after 30 to 60 minutes, spread so that many do not end together. */
const watchSeconds = { least: 1_800, spread: 1_800 };

/** A watch that lasted so long, or brought something, forgives the failures before it. */
const steadyMs = 10_000;

class ListWatch implements Reflector {
  readonly synced: Promise<void>;
  readonly #options: ReflectorOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #settle = Promise.withResolvers<void>();
  readonly #stop = new AbortController();
  #type: ResourceType;
  #loop: Promise<void> | undefined;
  /** Ends the pause between two attempts. */
  #nap = new AbortController();
  /** Ends the watch that is open, with this error. */
  #interrupt: ((error: Error) => void) | undefined;
  /** Where the next watch begins; undefined when a list is due. */
  #position: string | undefined;
  /** A list was asked for, which the one that is under way does not answer. */
  #relist = false;
  /** The newest resourceVersion that was told, also when a list is due. */
  #newest: string | undefined;
  #phase: ReflectorState["phase"] = "waiting";
  #lastLife: number;
  #opened = 0;
  /** Its pages outlived etcd's history; the next list is one answer. */
  #unpaged = false;
  /** What the last watch that was silent for too long ended with. */
  #silence: KubeError | undefined;
  #failures = 0;
  /** The last failure was a 410. */
  #gone = false;
  /** Answers in a row that say that the kind is not served. */
  #misses = 0;
  #lastError: string | undefined;
  #refused = false;

  constructor(options: ReflectorOptions) {
    this.#options = options;
    this.#type = options.type;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#lastLife = this.#clock.now();
    this.synced = this.#settle.promise;
    // Who does not wait for it is not to be bothered by a stop.
    this.synced.catch(() => undefined);
  }

  get type(): ResourceType {
    return this.#type;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  async stop(): Promise<void> {
    const error = kubeErrors.KUBE_STOPPED({ what: `the watch of ${this.#path()}` });
    this.#stop.abort(error);
    this.#settle.reject(error);
    await this.#loop;
    this.#phase = "stopped";
  }

  recheck(): void {
    if (this.#misses > 0) this.#nap.abort(new Error("another look"));
    else if (this.#interrupt !== undefined) void this.#verify();
  }

  relist(): void {
    this.#relist = true;
    this.#interrupt?.(new Error("another list was asked for"));
  }

  async #verify(): Promise<void> {
    const { apiVersion, kind } = this.#type;
    // An API server that cannot say is no reason to give up a watch.
    const type = await this.#options.client.discovery.resolve(apiVersion, kind).catch(() => this.#type);
    if (type !== undefined && type.plural === this.#type.plural && type.namespaced === this.#type.namespaced) return;
    this.#interrupt?.(kubeErrors.KUBE_UNKNOWN_KIND({ apiVersion, kind }));
  }

  state(): ReflectorState {
    return {
      phase: this.#phase,
      ageMs: this.#clock.now() - this.#lastLife,
      restarts: Math.max(0, this.#opened - 1),
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
      refused: this.#refused,
    };
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const { reason, pause } = await this.#attempt().then(
        () => ({ reason: "ended" as const, pause: 0 }),
        (error: unknown) => ({ reason: this.#endOf(error), pause: this.#pauseAfter(error) }),
      );
      if (this.#stop.signal.aborted) break;
      this.#options.onEnd?.(reason);
      if (pause === 0) continue;
      this.#phase = "waiting";
      this.#nap = new AbortController();
      const signal = AbortSignal.any([this.#stop.signal, this.#nap.signal]);
      await sleep(this.#clock, pause, signal).catch(() => undefined);
    }
    this.#phase = "stopped";
  }

  /** One list if it is due, and one watch. Resolves when the watch ended in order. */
  async #attempt(): Promise<void> {
    if (this.#misses > 0) await this.#resolveAgain();
    while (this.#relist || this.#position === undefined) {
      this.#relist = false;
      this.#position = undefined;
      this.#position = await this.#list();
    }
    await this.#watch(this.#position).catch((error: unknown) => {
      if (!this.#relist) throw error;
    });
  }

  /** A kind that comes back may have another plural or scope. */
  async #resolveAgain(): Promise<void> {
    const { apiVersion, kind } = this.#type;
    this.#options.client.discovery.invalidate(apiVersion);
    const type = await this.#options.client.discovery.resolve(apiVersion, kind);
    if (type === undefined) throw kubeErrors.KUBE_UNKNOWN_KIND({ apiVersion, kind });
    this.#type = type;
  }

  async #list(): Promise<string> {
    this.#phase = "listing";
    const { client, namespace = "", metadataOnly = false } = this.#options;
    const scope = { namespace, metadataOnly, ...this.#selectors(), signal: this.#stop.signal };
    const present = new Set<string>();
    let resourceVersion: string | undefined;
    try {
      for await (const page of client.pages(this.#type, { ...scope, ...(this.#unpaged ? { limit: 0 } : {}) })) {
        this.#alive();
        if (resourceVersion === undefined) this.#noticeRewind(page.resourceVersion);
        resourceVersion = page.resourceVersion;
        for (const object of page.items) {
          present.add(nameKey(object.metadata));
          this.#hand(handler => handler.upsert(object));
        }
      }
    } catch (error) {
      if (isKubeError(error, "KUBE_GONE")) this.#unpaged = true;
      throw error;
    }
    this.#unpaged = false;
    const position = resourceVersion ?? "";
    this.#hand(handler => handler.listed(present, position));
    this.#settle.resolve();
    return position;
  }

  /** The list is a consistent read, so only a history that went back can be older. */
  #noticeRewind(resourceVersion: string): void {
    const known = this.#newest;
    if (known !== undefined && resourceVersion !== known && isRepeat(resourceVersion, known)) {
      this.#hand(handler => handler.rewound?.());
    }
    this.#newest = resourceVersion;
  }

  async #watch(from: string): Promise<void> {
    const silence = this.#guardAgainstSilence();
    const start = this.#clock.now();
    try {
      const request = {
        method: "GET",
        path: this.#path(),
        query: {
          ...selectorsOf(this.#selectors()),
          watch: true,
          allowWatchBookmarks: true,
          resourceVersion: from,
          timeoutSeconds: Math.round(watchSeconds.least + watchSeconds.spread * this.#random()),
        },
        headers: acceptOf("object", this.#options.metadataOnly),
        signal: silence.signal,
      };
      const { status, headers, lines } = await this.#options.client.transport.stream(request);
      if (status !== 200) {
        const body = await readAll(lines);
        const { apiVersion, kind } = this.#type;
        if (isMissingPath(status, body)) throw kubeErrors.KUBE_UNKNOWN_KIND({ apiVersion, kind });
        throw answerError(request, { status, headers, body });
      }
      this.#phase = "watching";
      this.#opened++;
      this.#alive();
      this.#settle.resolve();
      await this.#follow(lines, request.path);
    } finally {
      silence.end();
      if (this.#clock.now() - start >= steadyMs) this.#failures = 0;
    }
  }

  async #follow(lines: AsyncIterable<string>, path: string): Promise<void> {
    const { opened, position } = { opened: this.#clock.now(), position: this.#position };
    for await (const line of lines) {
      if (this.#stop.signal.aborted) return;
      if (line !== "") this.#take(parseWatchEvent(line, path));
    }
    // A server that ends every watch at once is in trouble, however politely it does so.
    if (this.#position === position && this.#clock.now() - opened < steadyMs) throw endedAtOnce(path);
  }

  #take(event: WatchEvent): void {
    if (event.type === "error") throw event.error;
    this.#alive();
    if (this.#position !== undefined && isRepeat(event.resourceVersion, this.#position)) return;
    this.#failures = 0;
    this.#newest = event.resourceVersion;
    if (event.type === "bookmark") {
      this.#position = event.resourceVersion;
      this.#hand(handler => handler.progress?.(event.resourceVersion));
      return;
    }
    const object = withType(event.object, this.#type);
    this.#hand(handler => (event.type === "delete" ? handler.delete(object) : handler.upsert(object)));
    this.#position = event.resourceVersion;
  }

  /** What the handler could not take has to be told again, which only a list does. */
  #hand(tell: (handler: ReflectorHandler) => void): void {
    if (this.#stop.signal.aborted) return;
    try {
      tell(this.#options.handler);
    } catch (error) {
      this.#position = undefined;
      throw error;
    }
  }

  #alive(): void {
    this.#lastLife = this.#clock.now();
    this.#misses = 0;
    this.#lastError = undefined;
    this.#refused = false;
  }

  #endOf(error: unknown): WatchEnd {
    if (error === this.#silence) return "silent";
    return (isKubeError(error) && endsByCode[error.code]) || "broken";
  }

  /** Reports the failure, and says how long to wait. */
  #pauseAfter(error: unknown): number {
    if (this.#stop.signal.aborted) return 0;
    const gone = isKubeError(error, "KUBE_GONE");
    // The answer of a server in good health, so the list need not wait; but one 410 after the other grows the pause.
    this.#failures = gone && !this.#gone ? 1 : this.#failures + 1;
    this.#gone = gone;
    const failure = errorOf(error);
    this.#lastError = failure.message;
    this.#refused = isKubeError(error, "KUBE_FORBIDDEN", "KUBE_UNKNOWN_KIND");
    if (gone) this.#position = undefined;
    this.#options.handler.failed?.(failure);
    if (isKubeError(error, "KUBE_UNKNOWN_KIND")) return this.#missed();
    const asked = isKubeError(error, "KUBE_THROTTLED", "KUBE_UNAVAILABLE") ? (error.retryAfterMs ?? 0) : 0;
    const backoff = isKubeError(error, "KUBE_FORBIDDEN") ? missingRight : serverTrouble;
    return Math.max(asked, pauseAfter(this.#failures, backoff, this.#random()));
  }

  /** Emptied at the second look only: a single 404 may come from a server that is just starting. */
  #missed(): number {
    this.#position = undefined;
    this.#misses++;
    if (this.#misses === 2) this.#tellEmpty();
    return pauseAfter(this.#misses, missingKind, this.#random());
  }

  #tellEmpty(): void {
    try {
      this.#hand(handler => handler.listed(new Set(), ""));
      this.#settle.resolve();
    } catch (error) {
      // The next look counts as the second one again.
      this.#misses = 1;
      this.#options.handler.failed?.(errorOf(error));
    }
  }

  #guardAgainstSilence(): { signal: AbortSignal; end: () => void } {
    const { silenceMs = 90_000 } = this.#options;
    const watch = new AbortController();
    const onStop = (): void => watch.abort(this.#stop.signal.reason);
    this.#stop.signal.addEventListener("abort", onStop, { once: true });
    if (this.#stop.signal.aborted) onStop();
    const begin = this.#clock.now();
    let cancel: () => void;
    const look = (): void => {
      const left = silenceMs - (this.#clock.now() - Math.max(begin, this.#lastLife));
      if (left > 0) {
        cancel = this.#clock.schedule(left, look);
        return;
      }
      this.#position = undefined;
      this.#silence = silent(this.#path(), silenceMs);
      watch.abort(this.#silence);
    };
    look();
    this.#interrupt = error => watch.abort(error);
    return {
      signal: watch.signal,
      end: () => {
        this.#interrupt = undefined;
        cancel();
        this.#stop.signal.removeEventListener("abort", onStop);
      },
    };
  }

  #selectors(): { fieldSelector?: string; labelSelector?: string } {
    const { name, labelSelector } = this.#options;
    return {
      ...(name === undefined ? {} : { fieldSelector: `metadata.name=${name}` }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
    };
  }

  #path(): string {
    return resourcePath(this.#type, this.#options.namespace ?? "");
  }
}

async function readAll(lines: AsyncIterable<string>): Promise<string> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all.join("\n");
}

function errorOf(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

const endsByCode: Readonly<Record<string, WatchEnd>> = {
  KUBE_GONE: "expired",
  KUBE_THROTTLED: "throttled",
  KUBE_FORBIDDEN: "refused",
  KUBE_UNAUTHENTICATED: "refused",
  KUBE_UNKNOWN_KIND: "unserved",
  KUBE_UNAVAILABLE: "unavailable",
};

function endedAtOnce(path: string): KubeError {
  return answerError({ method: "WATCH", path }, { status: 503, body: "the server ends the watch at once" });
}

function silent(path: string, silenceMs: number): KubeError {
  const body = `no sign of life for ${silenceMs / 1000} s`;
  return answerError({ method: "WATCH", path }, { status: 504, body });
}
