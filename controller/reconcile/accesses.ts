/**
 * With whose rights each release is looked after: the controller's own, or those of a ServiceAccount. What one of them
 * may not see must not come from another's watch, so each has watches of its own.
 */

import { type Account, accountUser, controllerMark } from "../airway/account.ts";
import { DependencyIndex } from "../dynamic/dependencyIndex.ts";
import { type TrackedChange, Tracker, type TrackerOptions } from "../dynamic/tracker.ts";
import type { KubeClient } from "../kube/client.ts";
import type { Reflector } from "../kube/reflector.ts";
import { factsOf, type ObjectFacts } from "../release/facts.ts";
import { type RuleBook, readsWhole } from "../release/readiness.ts";
import { type Access, forgetDependencies } from "./context.ts";
import { Rights } from "./rights.ts";

export interface AccessOptions extends Pick<TrackerOptions<ObjectFacts>, "wideFrom"> {
  /** The controller's own. */
  readonly client: KubeClient;
  /** When objects are ready. */
  readonly readiness: RuleBook;
  openReflector(scope: Parameters<TrackerOptions<ObjectFacts>["openReflector"]>[0], client: KubeClient): Reflector;
  changed(access: Pick<Access, "index">, change: TrackedChange<ObjectFacts>): void;
}

/** The same client with the rights of an account, where there is one. */
export function clientAs(client: KubeClient, account: Account | undefined): KubeClient {
  if (account === undefined) return client;
  return client.as({ user: accountUser(account), extra: { [controllerMark.key]: controllerMark.value } });
}

interface Opened {
  readonly access: Access;
  /** Of the releases whose dependencies it holds. */
  readonly keys: Set<string>;
}

export class AccessBook {
  readonly own: Access;
  readonly #options: AccessOptions;
  /** Of accounts, by user name. */
  readonly #opened = new Map<string, Opened>();
  /** By key of the release; those of the controller's own are left out. */
  readonly #homes = new Map<string, Access>();

  constructor(options: AccessOptions) {
    this.#options = options;
    this.own = this.#open(undefined);
  }

  /** Costs nothing before something is watched. */
  of(account: Account | undefined): Access {
    if (account === undefined) return this.own;
    const user = accountUser(account);
    const opened = this.#opened.get(user) ?? { access: this.#open(account), keys: new Set() };
    this.#opened.set(user, opened);
    return opened.access;
  }

  all(): Access[] {
    return [this.own, ...[...this.#opened.values()].map(({ access }) => access)];
  }

  /** From now on the dependencies of a release are held there; another access lets go of them. */
  settle(key: string, access: Access): void {
    const former = this.#homes.get(key) ?? this.own;
    if (former !== access) this.#leave(key, former);
    if (access.account === undefined) return;
    const user = accountUser(access.account);
    const opened = this.#opened.get(user) ?? { access, keys: new Set() };
    this.#opened.set(user, opened);
    opened.keys.add(key);
    this.#homes.set(key, access);
  }

  forget(key: string): void {
    this.#leave(key, this.#homes.get(key) ?? this.own);
  }

  #leave(key: string, access: Access): void {
    forgetDependencies(access, key);
    this.#homes.delete(key);
    if (access.account === undefined) return;
    const user = accountUser(access.account);
    const opened = this.#opened.get(user);
    opened?.keys.delete(key);
    // With its last release went its last watch.
    if (opened?.keys.size === 0) this.#opened.delete(user);
  }

  #open(account: Account | undefined): Access {
    const { openReflector, changed, readiness, wideFrom } = this.#options;
    const client = clientAs(this.#options.client, account);
    const index = new DependencyIndex();
    const tracker = new Tracker<ObjectFacts>({
      openReflector: scope => openReflector(scope, client),
      get: (ref, options) => client.get(ref, options),
      pages: (type, options) => client.pages(type, options),
      needsWhole: type => readsWhole(type, readiness),
      describe: object => factsOf(object, readiness),
      changed: change => changed({ index }, change),
      ...(wideFrom === undefined ? {} : { wideFrom }),
    });
    const rights = new Rights({ own: this.#options.client, client, account });
    return { account, client, rights, index, tracker };
  }
}
