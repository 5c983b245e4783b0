/** What this room uses of WebAssembly. TypeScript has these types in its browser library only, Node's types have none. */
declare namespace WebAssembly {
  interface Module {
    readonly [Symbol.toStringTag]: string;
  }
  interface Memory {
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  const Memory: {
    readonly prototype: Memory;
    new (descriptor: { initial: number; maximum?: number }): Memory;
  };
  function compile(bytes: Uint8Array): Promise<Module>;
}
