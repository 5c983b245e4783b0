/** WebAssembly flights of tests and benches: Go programs of its standard library only, built once for each content. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { withLock } from "../../local/lock.ts";
import { goEnvironment } from "../../local/tools/build.ts";
import { filesUnder } from "../../local/tools/recipe.ts";

const execute = promisify(execFile);

/** A Go module whose programs in `cmd/` are flights. */
export interface FlightSource {
  /** The module's folder. */
  readonly source: string;
  /** Of the folder in `.state` that the built ones go to. */
  readonly name: string;
}

const tests: FlightSource = { source: import.meta.dirname, name: "flights" };

/**
 * Builds all programs of `cmd/`, unless it has been done: some ten seconds, and more the first time.
 * @returns a folder with a module per program, named like it
 * @throws what the compiler says
 */
export async function buildFlights(
  { source, name }: FlightSource = tests,
  report: (line: string) => void = () => undefined,
): Promise<string> {
  const built = join(import.meta.dirname, "../../.state", name);
  const target = join(built, digestOf(source));
  mkdirSync(built, { recursive: true });
  await withLock(
    built,
    "build",
    async () => {
      if (!existsSync(target)) await buildInto(target, source, report);
    },
    { waitMs: 300_000 },
  );
  return target;
}

async function buildInto(target: string, source: string, report: (line: string) => void): Promise<void> {
  const began = performance.now();
  report(`building ${readdirSync(join(source, "cmd")).length} WebAssembly flights with Go`);
  const built = dirname(target);
  for (const former of modulesIn(built)) rmSync(join(built, former), { recursive: true });
  const draft = `${target}.draft`;
  const env = { ...goEnvironment(), GOOS: "wasip1", GOARCH: "wasm" };
  const args = ["build", "-trimpath", "-ldflags", "-s -w", "-o", `${draft}/`, "./cmd/..."];
  await execute("go", args, { cwd: source, env });
  renameSync(draft, target);
  report(`built in ${((performance.now() - began) / 1000).toFixed(1)} s`);
}

const modulesIn = (built: string) => readdirSync(built).filter(name => /^[0-9a-f]{16}/.test(name));

function digestOf(source: string): string {
  const hash = createHash("sha256");
  for (const file of filesUnder(source).filter(name => /\.go$|go\.mod$/.test(name))) {
    hash.update(`\0${relative(source, file)}\0`).update(readFileSync(file));
  }
  return hash.digest("hex").slice(0, 16);
}
