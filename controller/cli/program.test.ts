import { afterEach, describe, expect, it, vi } from "vitest";
import { runCommand } from "./program.ts";

afterEach(() => vi.restoreAllMocks());

/** In this process: what needs no cluster. */
async function run(...args: string[]) {
  const [out, err]: [string[], string[]] = [[], []];
  vi.spyOn(process.stdout, "write").mockImplementation(text => out.push(String(text)) > 0);
  vi.spyOn(process.stderr, "write").mockImplementation(text => err.push(String(text)) > 0);
  const status = await runCommand({ args, name: "atc" });
  return { status, stdout: out.join(""), stderr: err.join("") };
}

describe("the commands", () => {
  it.each(["render", "why", "history", "diff", "rollback", "preview"])("%s has help with examples", async command => {
    const { status, stdout } = await run(command, "--help");
    expect(stdout).toContain(`Examples:\n  atc ${command} `);
    expect(status).toBe(0);
    expect((await run("--help")).stdout).toContain(`  ${command} `);
  });

  it.each([
    [[], "Usage"],
    [["history"], "missing required argument 'object'"],
    [["why", "backend/a", "-o", "xml"], "Allowed choices are json, yaml"],
    [["why", "backend/a", "--frm"], "unknown option '--frm'"],
    [["wy", "backend/a"], "unknown command 'wy'"],
    [["preview"], "give -f, or --airway and --flight"],
    [["render"], "required option '-f, --filename <path>' not specified"],
  ])("say what is wrong with %j", async (args, problem) => {
    const { status, stdout, stderr } = await run(...args);
    expect(stderr).toContain(problem);
    if (args.length > 0) expect(stderr).toContain("(CLI_USAGE, see docs/errors.md)");
    expect([status, stdout]).toEqual([1, ""]);
  });

  it("of diff end with 2 for what is not a difference", async () => {
    expect(await run("diff")).toMatchObject({ status: 2 });
  });
});
