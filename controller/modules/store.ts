/**
 * Modules by URL: fetched, checked, kept, and looked at again.
 *
 * API: `createModuleStore(options)` gives a ModuleStore; `load({ url, checksum, insecure, pinned, signal })` gives the
 * newest module at the URL that passes allow-list, checksum, pin, signature and proof. The checks are made on every
 * load. What is at the URL is asked again after `refreshMs` (`lookAgainMs` tells when a further load would do so), on
 * `fresh`, and never where the URL holds a digest. A newer module that does not pass, or a source that does not answer,
 * does not take the former one away: it is returned with the `problem` to tell. `pinnable(url)` is in url.ts, the
 * errors with yoke's texts are in errors.ts.
 *
 * Promises: one download per URL at a time, shared by all who wait; a failed one is not remembered; a download that
 * nobody waits for any more still ends, within its time-out.
 */
import type { CodedError } from "../../lib/errors.ts";
import { type FlightModule, flightModuleOf } from "../flight/loader.ts";
import { createAllowList } from "./allowList.ts";
import { createDiskCache, type DiskCache } from "./diskCache.ts";
import { type DockerConfig, noDockerConfig } from "./dockerConfig.ts";
import { Entry, type LookResult } from "./entry.ts";
import { moduleErrors } from "./errors.ts";
import { createHttpClient } from "./http.ts";
import { createPolicy, type Policy, type Wanted } from "./policy.ts";
import type { VerificationKeys } from "./signature.ts";
import { createLook, type LookAt, type RemoteUrl } from "./source.ts";
import { unpack } from "./unpack.ts";
import { type ConfigMapUrl, isImmutable, parseModuleUrl, shownUrl } from "./url.ts";

export interface ModuleRequest extends Wanted {
  /** OCI only: plain HTTP, or TLS with any certificate, will do. */
  readonly insecure?: boolean;
  /** Ask the source now, however short ago it was asked. */
  readonly fresh?: boolean;
  /** For `configmap://`; by default that of the store. */
  readonly readConfigMap?: ReadConfigMap;
  /** Ends the wait, not the download. */
  readonly signal?: AbortSignal;
}

/** The bytes of the key; undefined where ConfigMap or key are not there. */
export type ReadConfigMap = (url: ConfigMapUrl) => Promise<Uint8Array | undefined>;

export interface LoadedModule {
  readonly module: FlightModule;
  /** Why this is not what is at the URL now, or why that is not known. */
  readonly problem: CodedError | undefined;
  /** When a further load asks the source again. Undefined: never, or a watch tells. */
  readonly lookAgainMs: number | undefined;
}

export interface ModuleStore {
  /** @throws the MODULE_… errors; FLIGHT_BAD_MODULE; the signal's reason */
  load(request: ModuleRequest): Promise<LoadedModule>;
  /** Whether MODULE_ALLOW_LIST admits the URL. `load` asks by itself. */
  allowed(url: string): boolean;
  close(): Promise<void>;
}

export interface ModuleStoreOptions {
  /** Patterns, see allowList.ts. Empty: all are allowed. */
  readonly allowList?: readonly string[];
  /** Absent: modules need no signature. */
  readonly keys?: VerificationKeys | undefined;
  /** Folder of the disk cache; absent: none. */
  readonly cacheFolder?: string;
  /** Infinity: never. */
  readonly refreshMs?: number;
  /** Of one download. */
  readonly timeoutMs?: number;
  readonly readConfigMap?: ReadConfigMap;
  dockerConfig?(): Promise<DockerConfig>;
  /** Shows that a module can be run. */
  prove?(module: FlightModule): Promise<void>;
  /** A source was asked. */
  onLook?(look: { source: RemoteUrl["scheme"]; result: LookResult }): void;
  onCacheError?(error: unknown): void;
  /** Milliseconds; never goes back. */
  now?(): number;
}

export const defaultRefreshMs = 5 * 60_000;
const defaultTimeoutMs = 120_000;
/** URLs whose modules are held in memory. */
const mostEntries = 32;

const noCache: DiskCache = { read: async () => undefined, write: async () => undefined };
const noConfigMaps: ReadConfigMap = async () => undefined;

export function createModuleStore(options: ModuleStoreOptions = {}): ModuleStore {
  return new Store(options);
}

class Store implements ModuleStore {
  readonly #options: ModuleStoreOptions;
  readonly #allowList;
  readonly #policy: Policy;
  readonly #cache: DiskCache;
  readonly #http = createHttpClient();
  readonly #look: LookAt;
  /** The one used last is at the end. */
  readonly #entries = new Map<string, Entry>();
  readonly #interned = new Map<string, WeakRef<FlightModule>>();
  readonly #closing = new AbortController();

  constructor(options: ModuleStoreOptions) {
    const { allowList = [], cacheFolder: folder, onCacheError: onError = () => undefined } = options;
    this.#options = options;
    this.#allowList = createAllowList(allowList);
    this.#policy = createPolicy(options);
    this.#cache = folder === undefined ? noCache : createDiskCache({ folder, onError });
    const dockerConfig = options.dockerConfig ?? (async () => noDockerConfig);
    this.#look = createLook({ http: this.#http, dockerConfig });
  }

  allowed(url: string): boolean {
    return this.#allowList.allows(url);
  }

  async load(request: ModuleRequest): Promise<LoadedModule> {
    const url = parseModuleUrl(request.url);
    if (!this.allowed(request.url)) throw moduleErrors.MODULE_NOT_ALLOWED({ url: shownUrl(request.url) });
    if (url.scheme === "configmap") return this.#loadConfigMap(url, request);
    const entry = this.#entry(request, url);
    await abortable(entry.refresh(request.fresh === true), request.signal);
    const { module, problem } = await entry.choose(candidate => this.#policy.check(candidate, request));
    return { module, problem, lookAgainMs: entry.dueInMs() };
  }

  async close(): Promise<void> {
    this.#closing.abort(moduleErrors.MODULE_STORE_CLOSED({}));
    await this.#http.close();
    await Promise.all([...this.#entries.values()].map(entry => entry.settled()));
  }

  async #loadConfigMap(url: ConfigMapUrl, request: ModuleRequest): Promise<LoadedModule> {
    const read = request.readConfigMap ?? this.#options.readConfigMap ?? noConfigMaps;
    const content = await read(url);
    if (content === undefined) {
      throw moduleErrors.MODULE_MISSING({ url: request.url, why: "the ConfigMap or its key is not there" });
    }
    const module = await this.#moduleOf(content, request.url);
    await this.#policy.check(module, request);
    return { module, problem: undefined, lookAgainMs: undefined };
  }

  #entry({ url: written, insecure = false }: ModuleRequest, url: RemoteUrl): Entry {
    // What came over a line that nobody vouches for is nothing for those who did not ask for that. No URL has a NUL.
    const key = insecure ? `${written}\0insecure` : written;
    const entry = this.#entries.get(key) ?? this.#newEntry(key, written, insecure, url);
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    for (const old of [...this.#entries.keys()].slice(0, -mostEntries)) this.#entries.delete(old);
    return entry;
  }

  #newEntry(key: string, written: string, insecure: boolean, url: RemoteUrl): Entry {
    const { refreshMs = defaultRefreshMs, timeoutMs = defaultTimeoutMs, now = () => performance.now() } = this.#options;
    const { onLook } = this.#options;
    return new Entry({
      key,
      url: shownUrl(written),
      // A file costs nothing to look at, and is on this disk already.
      cache: url.scheme === "file" ? noCache : this.#cache,
      isImmutable: isImmutable(url),
      refreshMs,
      timeoutMs,
      now,
      closing: this.#closing.signal,
      look: (validator, signal) => this.#look(url, { written, validator, insecure, signal }),
      moduleOf: content => this.#moduleOf(content, written),
      looked: result => onLook?.({ source: url.scheme, result }),
    });
  }

  /** Equal content is the same object, so that it is held, proven and compiled once. */
  async #moduleOf(content: Uint8Array, written: string): Promise<FlightModule> {
    const made = flightModuleOf(await unpack(content, shownUrl(written)));
    if (!mayBeFlight(made)) {
      throw moduleErrors.MODULE_ARTIFACT({ url: shownUrl(written), why: "it is JavaScript without a default export" });
    }
    const known = this.#interned.get(made.digest)?.deref();
    if (known !== undefined) return known;
    for (const [digest, module] of this.#interned) if (module.deref() === undefined) this.#interned.delete(digest);
    this.#interned.set(made.digest, new WeakRef(made));
    return made;
  }
}

/**
 * A URL can name any file of this machine and any page that it can reach, and what an engine says of a text that is no
 * flight quotes it. So nothing is evaluated that does not look like one.
 */
function mayBeFlight({ kind, bytes }: FlightModule): boolean {
  if (kind === "wasm") return true;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return text.includes("export") && text.includes("default");
}

async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  return Promise.race([promise, aborted.promise]).finally(() => signal.removeEventListener("abort", abort));
}
