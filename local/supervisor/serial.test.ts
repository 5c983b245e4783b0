import { expect, it } from "vitest";
import { Serial } from "./serial.ts";

it("runs tasks one after the other, also past one that fails", async () => {
  const serial = new Serial();
  const seen: string[] = [];
  const task = (name: string, fails = false) =>
    serial.run(async () => {
      seen.push(`${name} begins`);
      await new Promise(resolve => setImmediate(resolve));
      seen.push(`${name} ends`);
      if (fails) throw new Error(name);
    });
  const [a, b] = [task("a", true), task("b")];
  await expect(a).rejects.toThrow("a");
  await b;
  expect(seen).toEqual(["a begins", "a ends", "b begins", "b ends"]);
});
