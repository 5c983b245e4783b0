import { describe, expect, it } from "vitest";
import { createKeyring } from "./keyring.ts";
import { FakeSecrets } from "./testing/fakeSecrets.ts";

function setUp(secrets = new FakeSecrets()) {
  const warnings: string[] = [];
  const log = { warn: (_: unknown, message?: string) => void warnings.push(message ?? "") };
  const keyring = createKeyring({ client: secrets.client, namespace: "atc", log: log as never });
  return { secrets, warnings, keyring };
}

describe("the keyring", () => {
  it("makes a key once and finds it again", async () => {
    const { secrets, keyring } = setUp();
    const [key, again] = await Promise.all([keyring.key(), keyring.key()]);
    expect(key).toHaveLength(32);
    expect(again).toBe(key);
    expect(secrets.names).toEqual(["atc-keys"]);
    expect(Buffer.from(await setUp(secrets).keyring.key())).toEqual(Buffer.from(key));
  });

  it("stands in with a key of its own where none may be kept", async () => {
    const { secrets, keyring, warnings } = setUp();
    secrets.refusals.set("create", 403);
    expect(await keyring.key()).toHaveLength(32);
    expect(warnings).toHaveLength(1);
  });

  it("waits for an API server in trouble", async () => {
    const { secrets, keyring } = setUp();
    secrets.refusals.set("get", 503);
    await expect(keyring.key()).rejects.toMatchObject({ code: "KUBE_UNAVAILABLE" });
    secrets.refusals.clear();
    expect(await keyring.key()).toHaveLength(32);
  });
});
