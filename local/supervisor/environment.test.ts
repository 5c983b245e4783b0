import { expect, it } from "vitest";
import { inheritedEnvironment } from "./environment.ts";

it("passes what a program needs to run and nothing that could be a secret", () => {
  expect(
    inheritedEnvironment({ PATH: "/bin", HOME: "/home/me", PULUMI_CONFIG_PASSPHRASE: "x", VAULT_TOKEN: "y" }),
  ).toEqual({
    PATH: "/bin",
    HOME: "/home/me",
  });
});
