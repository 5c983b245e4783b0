import { mkdirSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { needsStandIns } from "./install.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Where the engine keeps its plugins and selections when the stand-ins are in use. */
export const standInHome = (stateDir: string): string => join(stateDir, "pulumi-home");

/**
 * The environment in which `pulumi` needs no login, no account, no prompt and, with the stand-ins, no network.
 * What the user has set stays.
 *
 * @param root the repository; its `.tools/bin` comes first on PATH
 * @param stateDir where stacks are kept: a folder that git ignores
 */
export function pulumiEnvironment(options: {
  readonly root: string;
  readonly stateDir: string;
  readonly environment?: Environment;
}): Record<string, string> {
  const given = options.environment ?? process.env;
  const backend = join(options.stateDir, "pulumi");
  mkdirSync(backend, { recursive: true });
  const path = [join(options.root, ".tools", "bin"), dirname(process.execPath), given.PATH].filter(Boolean);
  return {
    PATH: path.join(delimiter),
    PULUMI_BACKEND_URL: given.PULUMI_BACKEND_URL ?? `file://${backend}`,
    PULUMI_SKIP_UPDATE_CHECK: "true",
    // Without any passphrase the engine asks for one; a file wins over the default.
    ...(given.PULUMI_CONFIG_PASSPHRASE_FILE ? {} : { PULUMI_CONFIG_PASSPHRASE: given.PULUMI_CONFIG_PASSPHRASE ?? "" }),
    ...(needsStandIns({ ...given, PATH: path.join(delimiter) })
      ? { PULUMI_HOME: standInHome(options.stateDir), PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true" }
      : {}),
  };
}
