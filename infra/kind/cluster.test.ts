import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { type ClusterSpec, clusterConfig, down, probe, up } from "./cluster.ts";
import { type FakeTools, fakeTools } from "./fakeTools.ts";

const specOf = (tools: FakeTools, vaultPort = 0): ClusterSpec => ({
  name: "demo",
  nodeImage: "",
  vaultPort,
  stateDir: tools.stateDir,
});

/** As Pulumi does it: the probe's answer goes into `up`. */
const upAsProbed = async (spec: ClusterSpec): Promise<string> => up(spec, await probe(spec));

describe("a kind cluster", () => {
  it("is created once, then left alone", async () => {
    using tools = fakeTools();
    const spec = specOf(tools);
    expect(await upAsProbed(spec)).toBe("kubeconfig of demo\n");
    expect(await upAsProbed(spec)).toBe("kubeconfig of demo\n");
    expect(tools.calls().filter(call => call.startsWith("kind create"))).toHaveLength(1);
  });

  it("never touches the person's own kubeconfig", async () => {
    using tools = fakeTools();
    const spec = specOf(tools);
    await upAsProbed(spec);
    await down(spec);
    for (const call of tools.calls().filter(call => /^kind (create|delete)/.test(call)))
      expect(call).toContain(`--kubeconfig ${tools.stateDir}`);
  });

  it("uses the node image of the configuration", async () => {
    using tools = fakeTools();
    await upAsProbed({ ...specOf(tools), nodeImage: "mirror.example/kindest/node:v1.34.0" });
    expect(tools.calls().join("\n")).toContain("--image mirror.example/kindest/node:v1.34.0");
  });

  it("is made anew when its creation was killed", async () => {
    using tools = fakeTools();
    const spec = specOf(tools);
    const first = await probe(spec);
    await up(spec, first);
    tools.forgetContainer();
    expect(await probe(spec)).toEqual(first);
    await up(spec, first);
    expect(tools.calls().filter(call => call.startsWith("kind create"))).toHaveLength(2);
    expect(await probe(spec)).toEqual(first);
  });

  it("leaves nothing behind when kind fails", async () => {
    using tools = fakeTools();
    tools.breakAt("no-create");
    await expect(upAsProbed(specOf(tools))).rejects.toMatchObject({
      code: "KIND_CREATE_FAILED",
      message: expect.stringContaining("node image"),
    });
    expect(tools.hasCluster()).toBe(false);
  });

  it("is started where it stands still", async () => {
    using tools = fakeTools();
    const spec = specOf(tools);
    await upAsProbed(spec);
    tools.breakAt("stopped");
    await upAsProbed(spec);
    expect(tools.calls()).toContainEqual(expect.stringMatching(/^docker start made-/));
    expect(tools.calls().filter(call => call.startsWith("kind create"))).toHaveLength(1);
  });

  it("is gone after down, and down again finds nothing to do", async () => {
    using tools = fakeTools();
    const spec = specOf(tools);
    await upAsProbed(spec);
    await down(spec);
    await down(spec);
    expect(tools.hasCluster()).toBe(false);
  });
});

describe("the probe", () => {
  it("answers the same before the first run and after it", async () => {
    using tools = fakeTools();
    const spec = specOf(tools);
    const before = await probe(spec);
    await up(spec, before);
    expect(await probe(spec)).toEqual(before);
  });

  it("answers with another health, and the same identity, for a cluster that stands still; once", async () => {
    using tools = fakeTools();
    const spec = specOf(tools);
    const first = await probe(spec);
    await up(spec, first);
    tools.breakAt("stopped");
    const second = await probe(spec);
    expect(second.identity).toBe(first.identity);
    expect(second.health).not.toBe(first.health);
    await up(spec, second);
    expect(await probe(spec)).toEqual(second);
  });

  it("answers with another identity for a cluster that somebody removed; once", async () => {
    using tools = fakeTools();
    const spec = specOf(tools);
    const first = await probe(spec);
    await up(spec, first);
    tools.loseCluster();
    const second = await probe(spec);
    expect(second.identity).not.toBe(first.identity);
    await up(spec, second);
    expect(await probe(spec)).toEqual(second);
  });
});

describe("this machine", () => {
  it("without Docker's CLI is told so", async () => {
    using tools = fakeTools();
    tools.uninstall("docker");
    await expect(probe(specOf(tools))).rejects.toMatchObject({
      code: "KIND_TOOL_MISSING",
      message: expect.stringContaining("docker is not on PATH"),
    });
  });

  it("without kind is told so", async () => {
    using tools = fakeTools();
    tools.uninstall("kind");
    await expect(up(specOf(tools), { identity: "1", health: "1" })).rejects.toMatchObject({
      code: "KIND_TOOL_MISSING",
    });
  });

  it("whose Docker does not answer is told what Docker said", async () => {
    using tools = fakeTools();
    tools.breakAt("no-docker");
    await expect(probe(specOf(tools))).rejects.toMatchObject({
      code: "KIND_DOCKER_SILENT",
      message: expect.stringContaining("Cannot connect to the Docker daemon"),
    });
  });

  it("whose port for Vault is taken is told which, before anything is made", async () => {
    using tools = fakeTools();
    const server = createServer();
    const port = await new Promise<number>(resolve =>
      server.listen(0, "127.0.0.1", () => {
        const address = server.address();
        resolve(address instanceof Object ? address.port : 0);
      }),
    );
    try {
      await expect(upAsProbed(specOf(tools, port))).rejects.toMatchObject({
        code: "KIND_PORT_TAKEN",
        message: expect.stringContaining(`port ${port}`),
        todo: expect.stringContaining("vaultPort"),
      });
      expect(tools.hasCluster()).toBe(false);
    } finally {
      server.close();
    }
  });
});

describe("kind's configuration", () => {
  it("maps Vault's node port to the loopback address alone", () => {
    expect(JSON.parse(clusterConfig(8300)).nodes[0].extraPortMappings).toEqual([
      { containerPort: 30820, hostPort: 8300, listenAddress: "127.0.0.1" },
    ]);
  });
});
