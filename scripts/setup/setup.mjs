/** Makes sure of Node 24 and of the dependencies. Both checks take milliseconds when all is there. */
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { dependenciesAreThere } from "./dependencies.mjs";
import { setupErrors } from "./errors.mjs";
import { withLock } from "./lock.mjs";
import { npm } from "./npm.mjs";
import { isWanted, nodePackage } from "./platform.mjs";
import { assertTask } from "./task.mjs";

/**
 * @param {string} root the repository
 * @param {string | undefined} task checked first, so that a typing error installs nothing
 * @returns {Promise<string>} the path of a Node that is new enough
 */
export async function setUp(root, task) {
  assertTask(root, task);
  const ready = usableNode(root);
  if (ready !== undefined && dependenciesAreThere(root)) return ready;
  return await withLock(
    join(root, ".tools", "setup.lock"),
    pid => console.error(`  waiting for another set-up of this folder (process ${pid})`),
    () => install(root),
  );
}

/** @param {string} root */
async function install(root) {
  const node = usableNode(root) ?? (await installNode(root));
  if (!dependenciesAreThere(root)) {
    const log = join(root, ".tools", "logs", "npm-ci.log");
    await npm(["ci", "--ignore-scripts", "--include=dev", "--include=optional"], {
      cwd: root,
      log,
      what: "the dependencies",
    });
  }
  return node;
}

/**
 * The running Node, or the one installed here, if it is new enough and starts.
 *
 * @param {string} root
 * @returns {string | undefined}
 */
function usableNode(root) {
  if (isWanted(process.versions.node)) return process.execPath;
  const path = installedNode(root);
  if (path === undefined) return undefined;
  const { stdout } = spawnSync(path, ["--version"], { encoding: "utf8" });
  return stdout && isWanted(stdout.trim()) ? path : undefined;
}

/** @param {string} root */
function installedNode(root) {
  const wanted = nodePackage(process.platform, process.arch);
  return wanted && join(root, ".tools", "node", "node_modules", wanted.name, "bin", "node");
}

/**
 * @param {string} root
 * @returns {Promise<string>}
 */
async function installNode(root) {
  const wanted = nodePackage(process.platform, process.arch);
  const platform = `${process.platform}-${process.arch}`;
  if (wanted === undefined) throw setupErrors.SETUP_NO_NODE_PACKAGE({ platform });
  const dir = join(root, ".tools", "node");
  const log = join(root, ".tools", "logs", "npm-node.log");
  rmSync(dir, { recursive: true, force: true });
  const args = [
    "install",
    "--prefix",
    dir,
    "--no-save",
    "--no-package-lock",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
  ];
  await npm([...args, wanted.spec], { cwd: root, log, what: `Node 24 (this is ${process.versions.node})` });
  const node = usableNode(root);
  if (node === undefined) throw setupErrors.SETUP_NO_NODE_PACKAGE({ platform });
  return node;
}
