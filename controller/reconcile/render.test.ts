import { expect, it } from "vitest";
import { DependencyIndex } from "../dynamic/dependencyIndex.ts";
import { secretType as type } from "../kube/resourceTypes.ts";
import type { Context, Watched } from "./context.ts";
import { type RenderInput, render } from "./render.ts";

const request = { apiVersion: "v1", kind: "Secret", namespace: "ns", name: "a" };

it("makes no dependency of what its flight asked for when the answer comes after the end", async () => {
  const answer = Promise.withResolvers<typeof type>();
  const index = new DependencyIndex();
  const tracked: string[] = [];
  const tracker = { track: async (_: unknown, { name }: { name: string }) => ({ key: tracked.push(name) }) };
  let late: Promise<unknown> | undefined;
  const sandbox: Pick<Context["sandbox"], "run"> = {
    run: async ({ lookup }) => {
      late = lookup(request);
      throw new Error("the flight took too long");
    },
  };
  const client = { discovery: { resolve: () => answer.promise } };
  const spec = { mode: "dynamic", clusterAccess: true, matchers: [], input: { text: "" }, args: [], module: {} };
  const input = { type, name: { release: "r", namespace: "ns", owner: "ns/r" }, spec, object: {} };
  const watched = { index, tracker, draft: index.begin("r") } as unknown as Watched;
  const rendering = render({ client, sandbox } as unknown as Context, input as unknown as RenderInput, watched);
  await expect(rendering).rejects.toThrow("too long");
  index.forget("r");
  answer.resolve(type);
  expect(await late).toMatchObject({ state: "error" });
  expect([index.size, tracked]).toEqual([{ instances: 0, objects: 0 }, []]);
});
