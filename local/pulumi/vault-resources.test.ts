import { describe, expect, it } from "vitest";
import { type Call, type VaultResource, vaultResources } from "./vault-resources.ts";
import type { Properties } from "./wire.ts";

function resource(type: string): VaultResource {
  const found = vaultResources[type];
  if (found === undefined) throw new Error(`no ${type}`);
  return found;
}

/** A Vault that answers from a table and remembers what was asked. */
function recorder(answers: Record<string, Properties>): {
  call: Call;
  asked: [string, string, Properties | undefined][];
} {
  const asked: [string, string, Properties | undefined][] = [];
  return {
    asked,
    call: async (method, path, body) => {
      asked.push([method, path, body]);
      return answers[`${method} ${path}`];
    },
  };
}

const secret = resource("vault:kv/secretV2:SecretV2");

describe("a kv secret", () => {
  it("has the id of its data, and gives the address back from it", () => {
    const inputs = { mount: "team/kv", name: "app/data/x" };
    expect(secret.id(inputs)).toBe("team/kv/data/app/data/x");
    expect(secret.parseId(secret.id(inputs))).toEqual(inputs);
  });

  it("is one write of the whole document", async () => {
    const { call, asked } = recorder({ "POST kv/data/a": { version: 3 } });
    const inputs = { mount: "kv", name: "a", dataJson: '{"hello":"world","n":1}', cas: 2 };
    const computed = await secret.write(call, inputs);
    expect(asked).toEqual([["POST", "kv/data/a", { data: { hello: "world", n: 1 }, options: { cas: 2 } }]]);
    expect(computed).toEqual({ data: { hello: "world", n: "1" }, metadata: { version: "3" } });
  });

  it.each(["not json", "[1]", '"text"'])("refuses %j without showing it", async dataJson => {
    const { call } = recorder({});
    const writing = secret.write(call, { mount: "kv", name: "a", dataJson });
    await expect(writing).rejects.toMatchObject({
      code: "VAULT_DATA_INVALID",
      message: expect.not.stringContaining(dataJson),
    });
  });

  it("says which mount is missing", async () => {
    const writing = secret.write(recorder({}).call, { mount: "kv", name: "a", dataJson: "{}" });
    await expect(writing).rejects.toMatchObject({ code: "VAULT_MOUNT_MISSING" });
  });

  it("keeps the program's spelling of an equal document, and reports another", async () => {
    const { call } = recorder({ "GET kv/data/a": { data: { b: 1, a: "x" }, metadata: {} } });
    const read = async (dataJson: string) =>
      (await secret.read(call, { mount: "kv", name: "a", dataJson }))?.inputs.dataJson;
    expect(await read('{ "a": "x", "b": 1 }')).toBe('{ "a": "x", "b": 1 }');
    expect(await read('{"a":"y"}')).toBe('{"b":1,"a":"x"}');
  });

  it("is gone when its last version is deleted", async () => {
    const { call } = recorder({ "GET kv/data/a": { data: null, metadata: { deletion_time: "now" } } });
    expect(await secret.read(call, { mount: "kv", name: "a" })).toBeUndefined();
    expect(await secret.read(call, { mount: "kv", name: "other" })).toBeUndefined();
  });

  it.each([
    [true, "metadata"],
    [false, "data"],
  ])("deletes all versions: %s", async (deleteAllVersions, kind) => {
    const { call, asked } = recorder({});
    await secret.remove(call, { mount: "kv", name: "a", deleteAllVersions });
    expect(asked).toEqual([["DELETE", `kv/${kind}/a`, undefined]]);
  });
});
