import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { freePort, listenError, requireFreePort } from "./ports.ts";

async function busyPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

describe("freePort", () => {
  it("passes over ports that are taken, by others or by intention", async () => {
    const first = await freePort(new Set(), () => 0.5);
    const second = await freePort(new Set([first]), () => 0.5);
    expect(second).not.toBe(first);
    expect(await listenError(second)).toBeUndefined();
  });

  it("wraps around at the end of the range", async () => {
    const highest = new Set([29_999]);
    const port = await freePort(highest, () => 0.99999);
    expect(port).toBeGreaterThanOrEqual(20_000);
    expect(port).toBeLessThan(29_999);
  });
});

describe("requireFreePort", () => {
  it("names the port and who has it", async () => {
    const port = await busyPort();
    const owner = process.platform === "linux" ? ` by .*\\(${process.pid}\\)` : "";
    await expect(requireFreePort("vault (http)", port)).rejects.toMatchObject({
      code: "LOCAL_PORT_TAKEN",
      message: expect.stringMatching(
        new RegExp(`^vault \\(http\\) cannot listen on 127.0.0.1:${port}: the port is taken${owner}`),
      ),
    });
  });

  it("accepts a free one", async () => {
    await expect(requireFreePort("x", await freePort(new Set()))).resolves.toBeUndefined();
  });
});
