/** One watch on its way through the proxy: whole lines, so that a fault falls between two events or into one. */
import { StringDecoder } from "node:string_decoder";

export interface WatchFaults {
  /** No bookmark passes. */
  dropBookmarks: boolean;
}

/** Lines kept for replays, of one path. */
const longestHistory = 30;

export class WatchStream {
  readonly #write: (text: string) => void;
  readonly #end: () => void;
  readonly #faults: Readonly<WatchFaults>;
  readonly #history: string[];
  readonly #decoder = new StringDecoder("utf8");
  #rest = "";
  /** The next event is cut in its middle. */
  #cutNext: "with a newline" | "without" | undefined;
  #over = false;

  constructor(options: { write(text: string): void; end(): void; faults: Readonly<WatchFaults>; history: string[] }) {
    this.#write = options.write;
    this.#end = options.end;
    this.#faults = options.faults;
    this.#history = options.history;
  }

  take(chunk: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
  }

  /**
   * What other watches of this path were told up to where this one begins, once more: duplicates and old events. What came
   * later must come in its turn: behind an event that runs ahead, the receiver drops it as a repeat, as it may.
   */
  replay(begin: number): void {
    for (const line of [...this.#history]) if (versionIn(line) <= begin) this.#send(line);
  }

  /** The history that the watch goes on from is no more. */
  expire(): void {
    const object = {
      kind: "Status",
      apiVersion: "v1",
      status: "Failure",
      code: 410,
      reason: "Expired",
      message: "chaos",
    };
    this.#send(JSON.stringify({ type: "ERROR", object }));
    this.end();
  }

  /** A bookmark of long ago. */
  staleBookmark(): void {
    this.#send(JSON.stringify({ type: "BOOKMARK", object: { kind: "Any", metadata: { resourceVersion: "2" } } }));
  }

  truncateNext(how: "with a newline" | "without"): void {
    this.#cutNext = how;
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#end();
  }

  #line(line: string): void {
    const bookmark = line.startsWith('{"type":"BOOKMARK"');
    if (bookmark && this.#faults.dropBookmarks) return;
    if (!bookmark) {
      this.#history.push(line);
      if (this.#history.length > longestHistory) this.#history.shift();
    }
    if (this.#cutNext === undefined) {
      this.#send(line);
      return;
    }
    const half = line.slice(0, line.length / 2);
    if (this.#cutNext === "without") {
      if (!this.#over) this.#write(half);
    } else this.#send(half);
    this.#cutNext = undefined;
    this.end();
  }

  #send(line: string): void {
    if (!this.#over) this.#write(`${line}\n`);
  }
}

function versionIn(line: string): number {
  const { object } = JSON.parse(line) as { object: { metadata?: { resourceVersion?: string } } };
  return Number(object.metadata?.resourceVersion);
}
