/** Flights that say something about the custom resource itself. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../e2e/support/eventually.ts";
import { conditionOf } from "../e2e/support/world.ts";
import { Stage } from "./support/stage.ts";

const stage = new Stage("status");

const text = { type: "string" };
const condition = {
  type: "object",
  required: ["type", "status", "lastTransitionTime", "reason", "message"],
  properties: {
    type: text,
    status: text,
    lastTransitionTime: { type: "string", format: "date-time" },
    reason: text,
    message: text,
    observedGeneration: { type: "integer", format: "int64" },
  },
};
const potatoes = {
  type: "object",
  properties: { potato: text, conditions: { type: "array", items: condition } },
};

beforeAll(() => stage.open());
afterAll(() => stage.close());

test("C33 a flight's status is the custom resource's, and its Ready condition stands", async () => {
  await stage.define("Tuber", "status", {
    schema: { type: "object", properties: { spec: potatoes, status: potatoes } },
    spec: { mode: "static" },
  });
  const given = (type: string, status: string) => ({
    type,
    status,
    lastTransitionTime: new Date().toISOString().replace(/\.\d+Z$/, "Z"),
    reason: "Custom",
    message: "not feeling it.",
  });
  const put = async (name: string, spec: object) => {
    const ref = stage.custom("Tuber", name);
    await stage.put(ref, spec);
    return ref;
  };
  const plain = await put("plain", { potato: "peels" });
  const unready = await put("unready", { conditions: [given("Ready", "False")] });
  const custom = await put("custom", { conditions: [given("Custom", "Success")] });

  expect(await stage.ready(plain)).toMatchObject({ status: { potato: "peels" } });
  await eventually("the flight's own Ready condition", async () =>
    expect(conditionOf(await stage.get(unready))).toMatchObject({
      status: "False",
      reason: "Custom",
      message: "not feeling it.",
    }),
  );
  await eventually("both conditions", async () => {
    const { conditions } = (await stage.get(custom))["status"] as { conditions: { type: string; status: string }[] };
    expect(conditions.map(({ type, status }) => `${type} ${status}`).sort()).toEqual(["Custom Success", "Ready True"]);
  });
});

test("C46 a flight that fails still says why in the status, and what it deployed before stays", async () => {
  const status = { type: "object", properties: { message: text } };
  await stage.define("Failing", "identityerror", {
    schema: { type: "object", properties: { spec: { type: "object" }, status } },
    spec: { mode: "subscription", clusterAccess: true },
  });
  // Where a lookup without a namespace goes, as yoke's own flight of this scenario does it.
  const ref = stage.custom("Failing", "c46", "default");
  await stage.put(ref, {});
  const both = async () => {
    expect(await stage.get(ref)).toMatchObject({ status: { message: "artificial test error" } });
    await stage.get(stage.ref("apps/v1", "Deployment", "c46", "default"));
  };
  await eventually("the status and the Deployment", both);
});
