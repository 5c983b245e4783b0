/**
 * The webhooks of one replica: served by every one, registered by the leader (docs/decisions/0009-admission.md).
 *
 * Order of a start: certificate, server, then `install`; of a stop: `withdraw` by the last replica, then `close`.
 */

import { randomUUID, X509Certificate } from "node:crypto";
import { describeError } from "../../lib/errors.ts";
import { type CertificateSource, fileSource, secretSource, type Trusted } from "../admission/certificateSource.ts";
import { KindBook, resolveKinds } from "../admission/childKinds.ts";
import {
  airwayWebhooks,
  flightWebhooks,
  instanceWebhooks,
  ownConfigurations,
  paths,
  resourcesConfiguration,
  resourceWebhooks,
  type WebhookFacts,
} from "../admission/configurations.ts";
import { admissionRoutes } from "../admission/handlers.ts";
import { ownUsername } from "../admission/identity.ts";
import { createInstaller, type Installer, type Made } from "../admission/installer.ts";
import { type ClientConfig, clientConfig, type Reach, serverNames } from "../admission/reach.ts";
import { type AdmissionServer, type AdmissionServerOptions, startAdmissionServer } from "../admission/server.ts";
import { errors } from "../airway/errors.ts";
import type { AirwaySpec } from "../airway/spec.ts";
import { createSandbox, type Sandbox } from "../flight/sandbox.ts";
import { pauseAfter } from "../kube/backoff.ts";
import type { KubeClient } from "../kube/client.ts";
import { sleep, systemClock } from "../kube/clock.ts";
import { isOfTheMoment } from "../kube/errors.ts";
import type { ObjectRef, OwnerReference } from "../kube/object.ts";
import type { Logger } from "../observe/log.ts";
import type { WebhookReadings } from "../observe/metrics.ts";
import type { Check } from "../observe/server.ts";
import { type AirwayView, admissionWork } from "./reviews.ts";

/** What the loops tell the webhooks, and ask of them. */
export interface Webhooks {
  /** `clientConfig` of the CRD of an Airway with a converter. */
  converter(airway: string): ClientConfig;
  /**
   * Of an Airway whose CRD is served. Resolves when its webhooks are registered, or are not yet to be.
   *
   * @throws AIRWAY_WEBHOOKS_REFUSED, KUBE_… where the API server cannot be asked now; tried again without being told, and
   *   the Airway's loop is queued when that helps
   */
  setAirway(spec: AirwaySpec, owner: OwnerReference): Promise<void>;
  removeAirway(airway: string): void;
  /** What a release consists of; undefined: it is gone. Resolves when it is guarded, or could not be yet. */
  setRelease(
    key: string,
    release: { readonly isStatic: boolean; readonly objects: readonly ObjectRef[] } | undefined,
  ): Promise<void>;
}

export interface WebhookOptions {
  readonly reach: Reach;
  readonly host: string | undefined;
  readonly port: number;
  /** Where the Secret with the certificates is. */
  readonly namespace: string;
  /** Paths; undefined: the controller makes its own. */
  readonly files: { readonly authorities: string; readonly certificate: string; readonly key: string } | undefined;
  /** Of the leader: configurations. */
  readonly client: KubeClient;
  /** Of any replica, not fenced: dry-runs, reviews, the Secret. */
  readonly reviewer: KubeClient;
  readonly sandbox: Sandbox;
  readonly log: Logger;
  readonly onCall: NonNullable<AdmissionServerOptions["onCall"]>;
}

interface GuardedAirway {
  readonly spec: AirwaySpec;
  readonly owner: OwnerReference;
}

/** No event tells when a kind is served whose objects a release lists. */
const unservedKindMs = 30_000;

export class WebhookService implements Webhooks, WebhookReadings {
  readonly #options: WebhookOptions;
  readonly #installer: Installer;
  readonly #source: CertificateSource;
  readonly #converters = createSandbox({ workers: 2 });
  readonly #book = new KindBook(() => this.#kindsChanged());
  readonly #airways = new Map<string, GuardedAirway>();
  readonly #stopping = new AbortController();
  #trusted: Trusted | undefined;
  #username = "";
  #server: AdmissionServer | undefined;
  #isInstalled = false;
  #isRegistered = false;
  #view: AirwayView | undefined;
  /** Whether the book knows the releases of this cluster. */
  #isFilled = false;

  constructor(options: WebhookOptions) {
    this.#options = options;
    const { client, reviewer, namespace, files, reach, log } = options;
    const holder = randomUUID();
    const onError = (error: unknown, configuration?: string) =>
      log.warn({ configuration, error: describeError(error) }, "webhooks could not be kept as they should be");
    const onTurn = (name: string) => this.#view?.registrationChanged(name);
    this.#installer = createInstaller({ client, holder, onError, onTurn });
    this.#source =
      files === undefined
        ? secretSource({ client: reviewer, namespace, names: serverNames(reach), onError })
        : fileSource({ ...files, onError });
  }

  /**
   * Resolves when the server listens. An API server that is not there yet is waited for.
   */
  async serve(view: AirwayView, isReady: () => boolean): Promise<void> {
    const { log, host, port, sandbox, reviewer, onCall } = this.#options;
    this.#view = view;
    const trusted = await this.#persist(() => this.#source.start(next => this.#trust(next)));
    const username = await this.#persist(() => ownUsername(reviewer));
    if (trusted === undefined || username === undefined) return;
    this.#trusted ??= trusted;
    this.#username = username;
    const work = admissionWork({
      ...{ view, client: reviewer, sandbox, converters: this.#converters },
      username: () => this.#username,
      converterConfig: airway => this.converter(airway),
    });
    this.#server = await startAdmissionServer({
      ...(host === undefined ? {} : { host }),
      port,
      served: this.#trusted,
      routes: admissionRoutes(work),
      ready: isReady,
      onCall,
      onFailure: ({ path, status, error }) => log.warn({ path, status, error: describeError(error) }, "review failed"),
    });
    log.info({ port: this.#server.port, username }, "webhooks are served");
  }

  /**
   * From now on the configurations are as they should be. What a former leader says of the kinds of children stays until
   * this one knows better.
   *
   * @param looked resolves when every release was looked at once
   */
  async install(looked: Promise<void>): Promise<void> {
    if (this.#server === undefined) return;
    const hasFormer = await this.#persist(() => this.#installer.has(resourcesConfiguration));
    this.#isInstalled = true;
    this.#isFilled = hasFormer !== true;
    this.#setAll();
    this.#installer.start();
    await this.#installer.idle();
    this.#isRegistered = true;
    await looked;
    this.#isFilled = true;
    this.#kindsChanged();
  }

  converter(airway: string): ClientConfig {
    return clientConfig(this.#facts(), `${paths.conversion}${airway}`);
  }

  async setAirway(spec: AirwaySpec, owner: OwnerReference): Promise<void> {
    const name = `${spec.plural}.${spec.group}`;
    this.#airways.set(name, { spec, owner });
    if (!this.#isInstalled) return;
    this.#setInstances(name, { spec, owner });
    await this.#installer.idle();
    const problem = this.#installer.problem(name);
    if (problem === undefined) return;
    if (isOfTheMoment(problem)) throw problem;
    throw errors.AIRWAY_WEBHOOKS_REFUSED(
      { airway: name, problem: problem instanceof Error ? problem.message : String(problem) },
      problem,
    );
  }

  removeAirway(airway: string): void {
    this.#airways.delete(airway);
    if (this.#isInstalled) this.#installer.set(airway, undefined);
  }

  async setRelease(key: string, release: Parameters<Webhooks["setRelease"]>[1]): Promise<void> {
    this.#book.set(key, release);
    if (this.#isInstalled) await this.#installer.idle();
  }

  /** One that is refused does not take this replica out of service, which answers the others. */
  check(isLeader: boolean): Check {
    const ok = isLeader ? this.#isRegistered : this.#server !== undefined;
    const refused = this.#installer.problems();
    const note = refused === 0 ? {} : { note: `${refused} could not be registered, see the log` };
    return {
      name: "webhooks",
      ok,
      detail: this.#server === undefined ? "not served yet" : "not registered yet",
      ...note,
    };
  }

  certificateExpiry(): number | undefined {
    return this.#trusted && Date.parse(new X509Certificate(this.#trusted.certificate).validTo);
  }

  unregistered(): number {
    return this.#installer.problems();
  }

  /** By the last replica: nobody will answer any more. */
  async withdraw(): Promise<void> {
    if (this.#isInstalled) await this.#installer.withdraw(ownConfigurations);
  }

  /** Nothing is registered or repaired any more, so that a successor can take over. */
  async leave(): Promise<void> {
    this.#stopping.abort(new Error("the controller stops"));
    await this.#installer.stop();
  }

  async close(): Promise<void> {
    await this.#source.stop();
    await this.#server?.close();
    await this.#converters.close();
  }

  #facts(): WebhookFacts {
    const { reach } = this.#options;
    const { authorities = "", token = "" } = this.#trusted ?? {};
    return { reach, authorities, token, username: this.#username };
  }

  #setAll(): void {
    const facts = this.#facts();
    for (const make of [airwayWebhooks, flightWebhooks]) {
      const configuration = make(facts);
      this.#installer.set(configuration.metadata.name, configuration);
    }
    for (const [name, airway] of this.#airways) this.#setInstances(name, airway);
    this.#kindsChanged();
  }

  #setInstances(name: string, { spec, owner }: GuardedAirway): void {
    this.#installer.set(name, instanceWebhooks(this.#facts(), spec, owner));
  }

  #trust(next: Trusted): void {
    const { log } = this.#options;
    const isOther = next.authorities !== this.#trusted?.authorities || next.token !== this.#trusted.token;
    this.#trusted = next;
    this.#server?.serve(next);
    log.info({ configurations: isOther }, "webhooks have got another certificate");
    if (!isOther || !this.#isInstalled) return;
    this.#setAll();
    this.#view?.trustChanged();
  }

  #kindsChanged(): void {
    if (this.#isFilled) this.#installer.set(resourcesConfiguration, () => this.#resourceWebhooks());
  }

  async #resourceWebhooks(): Promise<Made> {
    const { discovery } = this.#options.reviewer;
    const { kinds, isComplete } = await resolveKinds(this.#book, (apiVersion, kind) =>
      discovery.resolve(apiVersion, kind),
    );
    const configuration = resourceWebhooks(this.#facts(), kinds);
    return { configuration, againMs: isComplete ? undefined : unservedKindMs };
  }

  async #persist<Result>(attempt: () => Promise<Result>): Promise<Result | undefined> {
    const { signal } = this.#stopping;
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        return await attempt();
      } catch (error) {
        this.#options.log.warn({ error: describeError(error) }, "webhooks cannot be served yet");
        const pause = pauseAfter(failures, { baseMs: 500, maxMs: 5_000, jitter: 0.2 }, Math.random());
        await sleep(systemClock, pause, signal).catch(() => undefined);
      }
    }
    return undefined;
  }
}
