/**
 * What `pulumi up --json` says, as lines for a person: each resource when it is done and how long it took, and every
 * warning and error. Pure but for the clock that is passed in.
 */

/** The engine's events that matter here; source: sdk/go/common/apitype/events.go of pulumi/pulumi. */
export interface EngineEvent {
  readonly resourcePreEvent?: { readonly metadata: StepMetadata };
  readonly resOutputsEvent?: { readonly metadata: StepMetadata };
  readonly resOpFailedEvent?: { readonly metadata: StepMetadata };
  readonly diagnosticEvent?: {
    readonly urn?: string;
    readonly message: string;
    readonly severity: string;
    readonly ephemeral?: boolean;
  };
  readonly summaryEvent?: { readonly resourceChanges?: Readonly<Record<string, number>> };
}

interface StepMetadata {
  readonly op: string;
  readonly urn: string;
}

/** How a step's operation reads when it is done. Steps not named here change nothing outside the engine. */
const verbs: Readonly<Record<string, string>> = {
  create: "created",
  "create-replacement": "replaced",
  update: "updated",
  delete: "deleted",
};

export interface Summary {
  /** How many resources each operation changed; empty when nothing changed. */
  readonly changes: Readonly<Record<string, number>>;
  readonly errors: readonly string[];
}

export class Progress {
  private readonly started = new Map<string, number>();
  private readonly errors: string[] = [];
  private readonly said = new Set<string>();
  private changes: Record<string, number> = {};
  private readonly now: () => number;

  constructor(now: () => number = Date.now) {
    this.now = now;
  }

  /** The lines that this event is worth. */
  take(event: EngineEvent): string[] {
    const { resourcePreEvent: begun, resOutputsEvent: done, resOpFailedEvent: failed, diagnosticEvent: said } = event;
    if (begun) this.begin(begun.metadata);
    if (done) return this.end(done.metadata);
    if (failed) return this.fail(failed.metadata);
    if (said) return this.say(said);
    if (event.summaryEvent) this.count(event.summaryEvent.resourceChanges ?? {});
    return [];
  }

  /** What is under way: `cluster 12 s, vault 3 s`. */
  running(): string {
    return [...this.started].map(([urn, since]) => `${resourceName(urn)} ${seconds(this.now() - since, 0)}`).join(", ");
  }

  summary(): Summary {
    return { changes: this.changes, errors: this.errors };
  }

  private begin({ op, urn }: StepMetadata): void {
    if (op in verbs && !isComponent(urn)) this.started.set(urn, this.now());
  }

  private end({ op, urn }: StepMetadata): string[] {
    const since = this.started.get(urn);
    this.started.delete(urn);
    const verb = verbs[op];
    return verb === undefined || since === undefined ? [] : [line(verb, urn, this.now() - since)];
  }

  private fail({ urn }: StepMetadata): string[] {
    const since = this.started.get(urn) ?? this.now();
    this.started.delete(urn);
    return [line("FAILED", urn, this.now() - since)];
  }

  private say(said: { readonly message: string; readonly severity: string; readonly ephemeral?: boolean }): string[] {
    const text = plain(said.message).trimEnd();
    // Debug lines show secrets; the engine leaves it to the reader of its events to pass over them.
    if (text === "" || said.ephemeral || !shown.has(said.severity)) return [];
    if (said.severity === "error") this.errors.push(text);
    const mark = said.severity === "error" || said.severity === "warning" ? `${said.severity}: ` : "";
    const lines = `${mark}${text}`.split("\n").filter(one => mark === "" || !this.isRepeated(one));
    if (mark === "") for (const one of lines) this.said.add(one.trim());
    return [lines.map(one => `    ${one}`).join("\n")];
  }

  /** A Command's error repeats what it said while it ran. */
  private isRepeated(text: string): boolean {
    return text.trim() === "" || this.said.has(text.trim());
  }

  private count(changes: Readonly<Record<string, number>>): void {
    this.changes = Object.fromEntries(Object.entries(changes).filter(([op, count]) => op !== "same" && count > 0));
  }
}

/** The severities that are for people. */
const shown: ReadonlySet<string> = new Set(["info", "info#err", "warning", "error"]);

const line = (verb: string, urn: string, milliseconds: number): string =>
  `  ${verb.padEnd(9)} ${resourceName(urn).padEnd(44)} ${seconds(milliseconds, 1).padStart(7)}`;

const seconds = (milliseconds: number, digits: number): string => `${(milliseconds / 1000).toFixed(digits)} s`;

/** `urn:pulumi:stack::project::parentType$type::name` as `Kind name`; a Command is its name alone. */
export function resourceName(urn: string): string {
  const [, , types = "", name = ""] = urn.split("::");
  const type = types.split("$").at(-1) ?? "";
  const kind = type.split(":").at(-1) ?? "";
  if (type.startsWith("command:")) return name;
  if (type.startsWith("pulumi:providers:")) return `provider ${name}`;
  return `${kind} ${name}`;
}

const isComponent = (urn: string): boolean => /(\$|::)(dynamic-mode:infra:\w+|pulumi:pulumi:Stack)::/.test(urn);

/** Without the engine's colour marks, `<{%fg 1%}>`, and a terminal's own. */
const plain = (text: string): string => text.replace(/<\{%.*?%\}>/g, "").replace(COLOUR, "");

// biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with one.
const COLOUR = /\u001b\[[0-9;]*m/g;
