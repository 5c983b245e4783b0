import { expect, it } from "vitest";
import { socketPath } from "./socket.ts";

it("is in the state folder where that fits into a socket address", () => {
  expect(socketPath("/home/me/demo/.state/local/dev", "/tmp", 1000)).toBe(
    "/home/me/demo/.state/local/dev/supervisor.sock",
  );
});

it("moves to a short path of this user's own, one per state folder, where it does not", () => {
  const long = `/home/${"é".repeat(60)}`;
  const path = socketPath(long, "/tmp", 1000);
  expect(path).toMatch(/^\/tmp\/dynamic-mode-1000\/[0-9a-f]{16}\.sock$/);
  expect(socketPath(long, "/tmp", 1000)).toBe(path);
  expect(socketPath(`${long}2`, "/tmp", 1000)).not.toBe(path);
});
