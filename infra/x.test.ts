import { expect, it } from "vitest";
import { runProgram } from "./runProgram.ts";

it("x", async () => {
  const run = await runProgram({ substrate: "local" });
  for (const r of run.resources) console.log(JSON.stringify(r).slice(0, 600));
  const k = await runProgram({ substrate: "kind", controllerImage: "a:b" });
  for (const r of k.resources) console.log(JSON.stringify(r).slice(0, 600));
});
