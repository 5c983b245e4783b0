/** Drives `node local/cli.ts` as Pulumi does, in a state folder of its own that is gone after the test. */
import { spawn } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { generationVariable } from "../../../local/generation.ts";
import type { Probe } from "../../../local/probe.ts";
import { projectRoot } from "../../../local/state.ts";
import type { ServiceDeclaration, ServiceFacts } from "../../../local/supervisor/spec.ts";

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CallOptions {
  readonly stdin?: string;
  readonly generation?: number;
}

export interface Substrate {
  readonly stateDir: string;
  start(args: readonly string[], options?: CallOptions): { child: ReturnType<typeof spawn>; outcome: Promise<Outcome> };
  /** Resolves when the output is closed by all who hold it, so it hangs if a daemon has inherited it. */
  cli(...args: string[]): Promise<Outcome>;
  clusterUp(generation?: number): Promise<Outcome>;
  serviceUp(declaration: ServiceDeclaration, generation?: number): Promise<Outcome>;
  facts(declaration: ServiceDeclaration, generation?: number): Promise<ServiceFacts>;
  probe(): Promise<Probe>;
}

const environment = {
  ...process.env,
  PATH: [join(projectRoot, ".tools", "bin"), process.env["PATH"]].join(delimiter),
};

/** @param atEnd registers what removes it; a file that shares one passes `afterAll` */
export function newSubstrate(
  subfolder = "",
  atEnd: (remove: () => Promise<void>, timeoutMs: number) => void = onTestFinished,
): Substrate {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "substrate-")));
  const stateDir = join(root, subfolder);
  const start: Substrate["start"] = (args, { stdin = "", generation } = {}) => {
    const child = spawn(process.execPath, ["local/cli.ts", ...args, "--state", stateDir], {
      cwd: projectRoot,
      env: generation === undefined ? environment : { ...environment, [generationVariable]: String(generation) },
      stdio: "pipe",
    });
    child.stdin.end(stdin);
    const closed = new Promise<number | null>(resolve => child.once("close", resolve));
    const outcome = Promise.all([closed, text(child.stdout), text(child.stderr)]).then(([code, stdout, stderr]) => ({
      code,
      stdout,
      stderr,
    }));
    return { child, outcome };
  };
  const cli = (...args: string[]) => start(args).outcome;
  const serviceUp: Substrate["serviceUp"] = (declaration, generation) =>
    start(["service", "up", declaration.name, "--spec", "-"], {
      stdin: JSON.stringify(declaration),
      ...(generation === undefined ? {} : { generation }),
    }).outcome;
  atEnd(async () => {
    await cli("down", "--all");
    rmSync(root, { recursive: true, force: true });
  }, 60_000);
  return {
    stateDir,
    start,
    cli,
    clusterUp: generation =>
      start(["cluster", "up", "--name", "demo"], generation === undefined ? {} : { generation }).outcome,
    serviceUp,
    facts: async (declaration, generation) =>
      JSON.parse(succeeded(await serviceUp(declaration, generation))) as ServiceFacts,
    probe: async () => JSON.parse(succeeded(await cli("probe"))) as Probe,
  };
}

/** The standard output of a command that has succeeded. */
export function succeeded({ code, stdout, stderr }: Outcome): string {
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
  return stdout;
}

/** Waits for a condition; the test's time-out is the limit. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(50);
}
