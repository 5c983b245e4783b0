/** Collects what a guest writes, however small the pieces: one growing buffer and not an object for each. */
export class Sink {
  #bytes = Buffer.alloc(0);
  #length = 0;
  /** Whether something was left out for want of room. */
  overflown = false;
  readonly #limit: number;

  /** @param limit in bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#length;
  }

  write(part: Uint8Array): void {
    const kept = part.subarray(0, this.#limit - this.#length);
    this.overflown ||= kept.length < part.length;
    const needed = this.#length + kept.length;
    if (needed > this.#bytes.length) this.#grow(needed);
    this.#bytes.set(kept, this.#length);
    this.#length = needed;
  }

  /** As UTF-8; a character that was cut in two is left out. */
  text(): string {
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(this.#bytes.subarray(0, this.#length), {
      stream: this.overflown,
    });
  }

  #grow(needed: number): void {
    const grown = Buffer.alloc(Math.max(needed, Math.min(this.#limit, this.#bytes.length * 2), 1024));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
