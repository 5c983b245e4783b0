/** What this room uses of WebAssembly. TypeScript has these types in its browser library only, Node's types have none. */
declare namespace WebAssembly {
  interface Module {
    readonly [Symbol.toStringTag]: string;
  }
  const Module: {
    imports(module: Module): { module: string; name: string; kind: "function" | "memory" | "table" | "global" }[];
    exports(module: Module): { name: string; kind: "function" | "memory" | "table" | "global" }[];
  };
  interface Memory {
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  const Memory: {
    readonly prototype: Memory;
    new (descriptor: { initial: number; maximum?: number }): Memory;
  };
  interface Instance {
    readonly exports: Readonly<Record<string, unknown>>;
  }
  const Instance: {
    new (module: Module, imports: Record<string, Record<string, (...args: never[]) => unknown>>): Instance;
  };
  interface LinkError extends Error {}
  const LinkError: { readonly prototype: LinkError; new (message?: string): LinkError };
  interface RuntimeError extends Error {}
  const RuntimeError: { new (message?: string): RuntimeError };
  function compile(bytes: Uint8Array): Promise<Module>;
}
