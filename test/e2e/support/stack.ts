/** A Pulumi stack of its own beside the ones of the project, driven by the project's own commands. */
import { execFile } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../../..");

export interface Result {
  readonly code: number;
  readonly output: string;
}

export class TemporaryStack {
  readonly name: string;
  /** Where its processes and their logs are. */
  readonly state: string;
  readonly #file: string;

  /** `name` is in .gitignore as `Pulumi.<name>.yaml`. */
  constructor(name: string) {
    this.name = name;
    this.state = join(root, ".state", name);
    this.#file = join(root, `Pulumi.${name}.yaml`);
  }

  /** Begins from nothing, whatever an earlier run left. */
  async begin(): Promise<void> {
    const settings = { substrate: "local", clusterName: this.name, vaultPort: 0 };
    const lines = Object.entries(settings).map(([key, value]) => `  dynamic-mode:${key}: ${value}`);
    writeFileSync(this.#file, `config:\n${lines.join("\n")}\n`);
    await this.run("destroy");
  }

  async end(): Promise<void> {
    await this.run("destroy");
    rmSync(this.#file, { force: true });
  }

  /** `npm run <task> -- <args> --stack <name>`, without npm. */
  run(task: string, ...args: string[]): Promise<Result> {
    const script = join(root, "scripts", `${task}.ts`);
    // Pulumi's own commands take flags in places of their own.
    const named = task === "pulumi" ? [] : ["--stack", this.name];
    const options = { cwd: root, maxBuffer: 64 * 2 ** 20, env: { ...process.env, PULUMI_STACK: this.name } };
    return new Promise(done => {
      execFile(process.execPath, [script, ...args, ...named], options, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
        done({ code, output: `${stdout}${stderr}` });
      });
    });
  }

  /** Like `run`, and its output; an error when it fails. */
  async succeed(task: string, ...args: string[]): Promise<string> {
    const { code, output } = await this.run(task, ...args);
    if (code !== 0) throw new Error(`${task} ${args[0] ?? ""} failed with exit code ${code}:\n${output}`);
    return output;
  }
}
