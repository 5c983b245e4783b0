/** The revisions that are kept of a release. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { eventually } from "../e2e/support/eventually.ts";
import { backend, backendV1 } from "./support/backend.ts";
import { revisionsOf } from "./support/revisions.ts";
import { Stage } from "./support/stage.ts";

const stage = new Stage("history");
const { namespace, group } = stage;
const c17 = stage.custom("Backend", "c17");

beforeAll(() => stage.open());
afterAll(() => stage.close());

async function label(value: number): Promise<void> {
  await stage.merge(c17, { spec: { labels: { change: `${value}` } } });
  await eventually(`the Deployment has label ${value}`, async () =>
    expect((await stage.get(stage.deployment("c17"))).metadata.labels).toMatchObject({ change: `${value}` }),
  );
}

/** Waits until these labels of the Deployment are in the revisions, the newest first, and stay when all is written. */
async function kept(labels: readonly string[]) {
  const look = async () => {
    const found = await revisionsOf(stage, `${group}.Backend.${namespace}.c17`, namespace);
    const deployments = found.map(({ stages }) => stages.flat().find(({ kind }) => kind === "Deployment"));
    expect(deployments.map(deployment => deployment?.metadata.labels?.["change"])).toEqual(labels);
    return found;
  };
  await eventually(`revisions with the labels ${labels.join(", ")}`, look);
  await stage.controller.kept();
  return look();
}

test("C17 two revisions are kept unless the Airway says otherwise, with their module and resources", async () => {
  await stage.define("Backend", "backend-v1", { template: backendV1 });
  await stage.put(c17, backend(1));
  await eventually("the Deployment is there", () => stage.get(stage.deployment("c17")));
  for (const value of [1, 2, 3]) await label(value);
  const module = readFileSync(join(inject("flights"), "backend-v1"));
  const source = {
    url: await stage.url("backend-v1"),
    checksum: createHash("sha1").update(module).digest("hex"),
  };
  for (const revision of await kept(["3", "2"])) expect(revision).toMatchObject(source);
});

test("C18 as many as `historyCapSize` are kept", async () => {
  await stage.define("Backend", "backend-v1", { template: backendV1, spec: { historyCapSize: 3 } });
  await label(4);
  await kept(["4", "3", "2"]);
});
