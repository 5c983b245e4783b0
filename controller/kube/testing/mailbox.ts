/** A queue between what happens and the test that waits for it. */
export class Mailbox<Item> {
  readonly #items: Item[] = [];
  readonly #takers: ((item: Item) => void)[] = [];

  put(item: Item): void {
    const taker = this.#takers.shift();
    if (taker === undefined) this.#items.push(item);
    else taker(item);
  }

  /** The oldest item that nobody took, now or when it comes. */
  take(): Promise<Item> {
    const item = this.#items.shift();
    return item === undefined ? new Promise(resolve => this.#takers.push(resolve)) : Promise.resolve(item);
  }

  get size(): number {
    return this.#items.length;
  }
}
