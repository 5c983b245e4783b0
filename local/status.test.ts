import { expect, it } from "vitest";
import { duration, formatTable } from "./status.ts";

it("prints ages as kubectl does", () => {
  expect([-5, 0, 119_000, 120_000, 7_200_000, 172_800_000].map(duration)).toEqual([
    "0s",
    "0s",
    "119s",
    "2m",
    "2h",
    "2d",
  ]);
});

it("aligns its columns", () => {
  const row = {
    part: "vault",
    state: "healthy",
    pid: "1",
    uptime: "2s",
    restarts: "0",
    address: "http://127.0.0.1:1",
    log: "/l",
  };
  expect(formatTable([row])).toBe(
    "PART   STATE    PID  UPTIME  RESTARTS  ADDRESS             LOG\nvault  healthy  1    2s      0         http://127.0.0.1:1  /l",
  );
});
