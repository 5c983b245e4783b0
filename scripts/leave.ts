/**
 * What Pulumi runs when a stack leaves a cluster that stays, with the kubeconfig on standard input:
 *
 *   node scripts/leave.ts before AIRWAY …   before Airways and their instances are deleted
 *   node scripts/leave.ts after AIRWAY …    when the controller is gone
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { isKubeError } from "../controller/kube/errors.ts";
import { clientOf } from "./cluster.ts";
import { letGo, removeRemains } from "./existingCluster.ts";
import { run } from "./main.ts";

const CONTROLLER_COMES_BACK_WITHIN_MS = 60_000;

await run(async ([when, ...airways]) => {
  const folder = mkdtempSync(join(tmpdir(), "leave-"));
  const kubeconfig = join(folder, "kubeconfig.yaml");
  writeFileSync(kubeconfig, await text(process.stdin), { mode: 0o600 });
  const client = clientOf(kubeconfig);
  try {
    const done: string[] = [];
    if (when === "after") done.push(...(await removeRemains(client, airways)));
    else for (const airway of airways) done.push(await letGo(client, airway, CONTROLLER_COMES_BACK_WITHIN_MS));
    for (const line of done) console.error(line);
  } catch (error) {
    // As Pulumi's own objects: with this setting a cluster that is gone for good is forgotten.
    const forget = process.env["PULUMI_K8S_DELETE_UNREACHABLE"] === "true";
    if (!forget || !isKubeError(error, "KUBE_UNAVAILABLE")) throw error;
    console.error("the cluster does not answer and is forgotten");
  } finally {
    await client.transport.close();
    rmSync(folder, { recursive: true });
  }
});
