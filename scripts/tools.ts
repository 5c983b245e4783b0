/** What the scripts need before they can run Pulumi: the engine, and its plugins where Pulumi's own are not there. */
import { join } from "node:path";
import { standInHome } from "../local/pulumi/environment.ts";
import { installPlugins } from "../local/pulumi/install.ts";
import { root } from "./paths.ts";
import { stateDir } from "./pulumiCli.ts";

export async function installEngine(): Promise<void> {
  installPlugins({ pulumiHome: standInHome(stateDir), binDir: join(root, ".tools", "bin") });
}
