import { describe, expect, test } from "vitest";
import { CodedError } from "../../lib/errors.ts";
import { createLogger, type LogFormat, redact } from "./log.ts";

function logged(format: LogFormat, verbose = false) {
  const lines: string[] = [];
  const logger = createLogger({ format, verbose, destination: { write: line => lines.push(line) } });
  return { lines, logger };
}

describe("JSON", () => {
  test("is one object a line, with level, time and fields", () => {
    const { lines, logger } = logged("json");
    logger.info({ airway: "backends.examples.com" }, "rendered");
    logger.warn("slow");
    expect(lines.map(line => JSON.parse(line) as unknown)).toMatchObject([
      { level: "info", airway: "backends.examples.com", msg: "rendered", time: expect.stringMatching(/^\d{4}-.*Z$/) },
      { level: "warn", msg: "slow" },
    ]);
  });

  test("carries an error's code, what to do, and cause", () => {
    const { lines, logger } = logged("json");
    logger.error({ err: new CodedError("X_Y", "broken", "Mend it.", new Error("why")) }, "failed");
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      err: { message: "broken", code: "X_Y", todo: "Mend it.", cause: { message: "why" } },
    });
  });
});

test("debug lines come only when asked for", () => {
  for (const verbose of [false, true]) {
    const { lines, logger } = logged("json", verbose);
    logger.debug("detail");
    expect(lines).toHaveLength(verbose ? 1 : 0);
  }
});

describe("text", () => {
  test("is a line for people", () => {
    const { lines, logger } = logged("text");
    logger.child({ instance: "demo/nginx" }).info({ note: "a b", took: 12 }, "rendered");
    expect(lines.join("")).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} INFO {2}rendered instance=demo\/nginx note="a b" took=12\n$/,
    );
  });

  test("tells a foreseen error without its stack and another with it", () => {
    const { lines, logger } = logged("text");
    logger.error({ err: new CodedError("X_Y", "broken", "Mend it.", new Error("why")) }, "failed");
    expect(lines.join("")).toContain("failed\n  broken\n  Mend it. (X_Y)\n  caused by: Error: why");
    logger.error({ err: new TypeError("odd") }, "failed");
    expect(lines.join("")).toMatch(/TypeError: odd\n +at /);
  });
});

describe("secrets", () => {
  const secret = "hunter2";
  const carriers = {
    object: { kind: "Secret", metadata: { name: "x" }, data: { password: secret }, stringData: { a: secret } },
    list: [{ token: secret }],
    headers: { Authorization: `Bearer ${secret}` },
    user: { "client-key-data": secret, password: secret },
    annotated: { "kubectl.kubernetes.io/last-applied-configuration": secret },
  };

  test.each(["json", "text"] as const)("are blanked in %s, in fields and in a child's", format => {
    const { lines, logger } = logged(format);
    logger.info(carriers, "seen");
    logger.child({ token: secret }).child({ password: secret }).info("seen");
    expect(lines).toHaveLength(2);
    expect(lines.join("")).not.toContain(secret);
    expect(lines.join("")).toContain("[redacted]");
  });

  test("are blanked however deep, and nothing deep is followed for ever", () => {
    let deep: unknown = { data: secret };
    for (let at = 0; at < 10_000; at++) deep = { a: deep };
    expect(JSON.stringify(redact(deep))).not.toContain(secret);
  });

  test.each(["json", "text"] as const)("in an error's own fields are left out in %s, also in its cause's", format => {
    const { lines, logger } = logged(format);
    const response = Object.assign(new Error("inner"), { body: { value: secret } });
    logger.error({ err: Object.assign(new Error("outer", { cause: response }), { request: secret }) }, "failed");
    logger.error({ err: { value: secret } }, "failed");
    expect(lines.join("")).not.toContain(secret);
    expect(lines.join("")).toContain("inner");
  });

  test("an error that causes itself is told once and for all", () => {
    const { lines, logger } = logged("text");
    const error: Error & { cause?: unknown } = new Error("round");
    error.cause = error;
    logger.error({ err: error }, "failed");
    expect(lines).toHaveLength(1);
  });

  test("do not hide what is none", () => {
    const plain = { key: "demo/nginx", secret: "demo/nginx", resourceVersion: "812" };
    expect(redact(plain)).toEqual(plain);
  });
});
