/**
 * Takes the values of Secrets out of texts that a flight wrote: its errors, and what it printed to stderr.
 *
 * A value is found as it is, in base64 (also when other text was encoded together with it), in hex, as in a URL and as
 * in JSON, wholly or one of its lines; and where a text was cut (see cut.ts), its first part is found as well. A flight
 * that means to tell a value can find other ways to write it; this is against accidents.
 */
import { cutMark } from "./cut.ts";

const blank = "[secret]";
/** Shorter texts occur by chance. */
const shortest = 4;
/** Of encodings, of which only a part is looked for. */
const shortestPart = 6;

export class Redactor {
  readonly #forms = new Set<string>();

  /** @param data of a Secret: values in base64 */
  remember(data: unknown): void {
    if (data === null || typeof data !== "object") return;
    for (const value of Object.values(data)) if (typeof value === "string") this.#remember(value);
  }

  redact(text: string): string {
    // The longest first: one may be a part of another.
    const forms = [...this.#forms].sort((a, b) => b.length - a.length);
    let redacted = text;
    for (const form of forms) redacted = redacted.replaceAll(form, blank);
    return redacted.includes(cutMark) ? redacted.split(cutMark).map(withoutPart(forms)).join(cutMark) : redacted;
  }

  #remember(encoded: string): void {
    const bytes = Buffer.from(encoded, "base64");
    const plain = bytes.toString();
    // Who prints a value may leave out its last newline, or all lines but one.
    const texts = [plain, ...plain.split("\n").map(line => line.trim())];
    for (const text of texts) {
      if (text.length < shortest) continue;
      this.#add(text, JSON.stringify(text).slice(1, -1), encodeURIComponent(text.toWellFormed()));
      this.#addEncoded(Buffer.from(text));
    }
    this.#add(encoded);
    if (bytes.length >= shortest) this.#addEncoded(bytes);
  }

  #addEncoded(bytes: Buffer): void {
    const hex = bytes.toString("hex");
    this.#add(hex, hex.toUpperCase(), bytes.toString("base64"), bytes.toString("base64url"));
    for (const part of base64Parts(bytes)) {
      if (part.length >= shortestPart) this.#add(part, part.replaceAll("+", "-").replaceAll("/", "_"));
    }
  }

  #add(...forms: readonly string[]): void {
    for (const form of forms) if (form.length >= shortest) this.#forms.add(form);
  }
}

/** What base64 makes of the bytes alone, wherever among other bytes they stand. */
function base64Parts(bytes: Buffer): string[] {
  return [0, 1, 2].map(before => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64url");
    const first = Math.ceil((before * 8) / 6);
    const last = Math.floor(((before + bytes.length) * 8) / 6);
    return text.slice(first, last).replaceAll("-", "+").replaceAll("_", "/");
  });
}

/** For the part of a text before a mark: without the beginning of a form that it ends with. */
function withoutPart(forms: readonly string[]): (text: string, index: number, all: readonly string[]) => string {
  return (text, index, { length }) => {
    if (index === length - 1) return text;
    const longest = forms.reduce((found, form) => Math.max(found, overlap(text, form)), 0);
    return longest === 0 ? text : text.slice(0, -longest) + blank;
  };
}

/** Characters at the end of `text` that are the beginning of `form`. */
function overlap(text: string, form: string): number {
  for (let length = Math.min(text.length, form.length - 1); length > 0; length--) {
    if (text.endsWith(form.slice(0, length))) return length;
  }
  return 0;
}
