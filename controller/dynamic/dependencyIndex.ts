/**
 * Who depends on what: instances on one side, tracked objects on the other. Pure, no I/O.
 *
 * Promises:
 * - A dependency counts from the moment it is added, so an event that arrives during a render finds its instance.
 * - `commit` replaces the former set of an instance. A draft that is not committed, because its render failed, leaves
 *   the former set and what it added itself: the failure may depend on either.
 */

/** Why an instance depends on an object: its flight looked it up, or its release contains it. */
export type Role = "lookup" | "child";

const bits = { lookup: 1, child: 2 } as const satisfies Record<Role, number>;

export interface Dependent {
  readonly instance: string;
  readonly lookup: boolean;
  readonly child: boolean;
}

/** The dependencies of one render while it runs. */
export interface Draft {
  readonly instance: string;
  readonly roles: Map<string, number>;
}

export class DependencyIndex {
  readonly #byInstance = new Map<string, Map<string, number>>();
  readonly #byObject = new Map<string, Set<string>>();

  begin(instance: string): Draft {
    return { instance, roles: new Map() };
  }

  /** Adds a dependency of a running render; it counts at once. */
  add(draft: Draft, object: string, role: Role): void {
    draft.roles.set(object, (draft.roles.get(object) ?? 0) | bits[role]);
    const held = this.#byInstance.get(draft.instance) ?? new Map<string, number>();
    held.set(object, (held.get(object) ?? 0) | bits[role]);
    this.#byInstance.set(draft.instance, held);
    const dependents = this.#byObject.get(object) ?? new Set<string>();
    dependents.add(draft.instance);
    this.#byObject.set(object, dependents);
  }

  /** Takes a dependency out of a running render, for example a child that is gone for good. */
  discard(draft: Draft, object: string, role: Role): void {
    const left = (draft.roles.get(object) ?? 0) & ~bits[role];
    if (left === 0) draft.roles.delete(object);
    else draft.roles.set(object, left);
  }

  /** The draft becomes the whole truth. Returns the objects that nobody depends on any more. */
  commit(draft: Draft): string[] {
    const before = this.#byInstance.get(draft.instance);
    if (draft.roles.size === 0) this.#byInstance.delete(draft.instance);
    else this.#byInstance.set(draft.instance, draft.roles);
    const dropped = [...(before?.keys() ?? [])].filter(object => !draft.roles.has(object));
    return this.#unlink(draft.instance, dropped);
  }

  /** Takes one role of an object from what was committed. Returns the object when nobody depends on it any more. */
  remove(instance: string, object: string, role: Role): string[] {
    const held = this.#byInstance.get(instance);
    const left = (held?.get(object) ?? 0) & ~bits[role];
    if (left !== 0) held?.set(object, left);
    else held?.delete(object);
    if (held?.size === 0) this.#byInstance.delete(instance);
    return left === 0 ? this.#unlink(instance, [object]) : [];
  }

  /** Removes an instance. Returns the objects that nobody depends on any more. */
  forget(instance: string): string[] {
    return this.commit(this.begin(instance));
  }

  dependents(object: string): Dependent[] {
    return [...(this.#byObject.get(object) ?? [])].map(instance => {
      const role = this.#byInstance.get(instance)?.get(object) ?? 0;
      return { instance, lookup: (role & bits.lookup) !== 0, child: (role & bits.child) !== 0 };
    });
  }

  /** The objects an instance depends on, with both roles told apart. */
  dependencies(instance: string): { object: string; lookup: boolean; child: boolean }[] {
    return [...(this.#byInstance.get(instance) ?? [])].map(([object, role]) => ({
      object,
      lookup: (role & bits.lookup) !== 0,
      child: (role & bits.child) !== 0,
    }));
  }

  /** Everything that somebody depends on. */
  objects(): Iterable<string> {
    return this.#byObject.keys();
  }

  get size(): { instances: number; objects: number } {
    return { instances: this.#byInstance.size, objects: this.#byObject.size };
  }

  #unlink(instance: string, objects: string[]): string[] {
    const orphans: string[] = [];
    for (const object of objects) {
      const dependents = this.#byObject.get(object);
      dependents?.delete(instance);
      if (dependents?.size !== 0) continue;
      this.#byObject.delete(object);
      orphans.push(object);
    }
    return orphans;
  }
}
