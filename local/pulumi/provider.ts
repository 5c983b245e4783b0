/** What a provider is made of: a table of resource types that work on plain values. `protocol.ts` speaks for it. */
import { describeError } from "../../lib/errors.ts";
import type { Path, Properties } from "./wire.ts";

/** What a call knows besides its inputs. */
export interface CallContext {
  readonly type: string;
  /** The resource's name in the program. */
  readonly name: string;
  /** Aborts on Ctrl-C and when the time-out passes; its reason says which. */
  readonly signal: AbortSignal;
  /** Shows a line beside the resource, without the secrets of its inputs; an ephemeral one only while it works. */
  readonly log: (severity: "info" | "warning", message: string, ephemeral?: boolean) => void;
}

export interface CheckContext {
  readonly type: string;
  readonly name: string;
  /** Inputs of the last deployment; empty on create and before a replacement. */
  readonly olds: Properties;
  /** A fresh name for a resource whose inputs have none. */
  readonly proposedName: string;
  readonly signal: AbortSignal;
}

export interface CheckFailure {
  readonly property: string;
  readonly reason: string;
}

/** Inputs with defaults and names, or what is wrong with them. */
export type Checked = Properties | { readonly failures: readonly CheckFailure[] };

export interface Created {
  readonly id: string;
  readonly outputs: Properties;
}

export interface Live {
  readonly id: string;
  readonly outputs: Properties;
  /** Shaped as the program writes them, or the next `up` shows a difference. */
  readonly inputs: Properties;
}

/** One resource type (or a family of them). Inputs and outputs are plain unless said otherwise. */
export interface Resource {
  /** How long an operation may take when the program sets no custom timeout. */
  timeoutSeconds(inputs: Properties): number;
  /** Tags are still in the inputs, and stay in what it returns. */
  check?(inputs: Properties, context: CheckContext): Checked | Promise<Checked>;
  /** True if a change of this input needs a new resource. */
  replaces(path: Path, olds: Properties, news: Properties): boolean;
  deleteBeforeReplace?(olds: Properties, news: Properties): boolean;
  /** Outputs as far as a preview can tell; what it cannot is UNKNOWN. `state` is undefined before a create. */
  preview(inputs: Properties, state: Properties | undefined, context: CallContext): Properties | Promise<Properties>;
  create(inputs: Properties, context: CallContext): Promise<Created>;
  update(id: string, inputs: Properties, state: Properties, context: CallContext): Promise<Properties>;
  /** The live resource, or undefined if it is gone. Without it a refresh keeps the state as it is. */
  read?(id: string, state: Properties, inputs: Properties, context: CallContext): Promise<Live | undefined>;
  delete(id: string, state: Properties, inputs: Properties, context: CallContext): Promise<void>;
  /** Outputs that are secret whatever the program says. Inputs are still tagged. */
  secretOutputs(inputs: Properties): readonly string[];
}

export interface ConfigDiff {
  /** Names of settings whose change replaces the provider and so all its resources. */
  readonly replaces: readonly string[];
}

export interface Provider {
  /** Package name and version as in the npm SDK. */
  readonly name: string;
  readonly version: string;
  /** Settings of the provider resource: plain. What is not a string arrives as its JSON text. */
  configure?(settings: Properties): void | Promise<void>;
  diffConfig?(olds: Properties, news: Properties): ConfigDiff;
  resource(type: string): Resource | undefined;
  /** Answers a function call, or undefined for a function it does not know. Arguments are tagged. */
  invoke?(token: string, args: Properties, context: CallContext): Promise<Properties | undefined>;
}

/** The resource exists but is not ready: it stays in the state, and the next `up` looks at it again. */
export class NotReadyError extends Error {
  readonly created: Created;

  constructor(created: Created, cause: unknown) {
    super(describeError(cause), { cause });
    this.name = "NotReadyError";
    this.created = created;
  }
}
