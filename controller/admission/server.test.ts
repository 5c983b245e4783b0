import { request } from "node:https";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CodedError } from "../../lib/errors.ts";
import { callerPath, newToken } from "./callerPath.ts";
import { bundle, type Certificates, renewed } from "./certificates.ts";
import { admissionErrors } from "./errors.ts";
import { type AdmissionServer, startAdmissionServer } from "./server.ts";

let certificates: Certificates;
const token = newToken();
let server: AdmissionServer;
/** What was counted. */
const calls: string[] = [];
const failures: { path: string; status: number; error: unknown }[] = [];
let isReady = true;
let aborted = Promise.withResolvers<unknown>();

async function newCertificates(): Promise<Certificates> {
  const made = await renewed(undefined, ["127.0.0.1"], Date.now());
  if (made === undefined) throw new Error("no certificates");
  return made;
}

beforeAll(async () => {
  certificates = await newCertificates();
  server = await startAdmissionServer({
    host: "127.0.0.1",
    port: 0,
    served: { ...certificates, token },
    ready: () => isReady,
    onFailure: failure => failures.push(failure),
    onCall: ({ webhook, decision }) => calls.push(`${webhook} ${decision}`),
    routes: [
      {
        name: "echo",
        path: "/echo/",
        maxBodyMib: 1,
        handle: async ({ body, rest }) => ({ body: JSON.stringify({ body, rest }), decision: "allowed" }),
      },
      {
        name: "coded",
        path: "/coded",
        maxBodyMib: 1,
        handle: async () => {
          throw admissionErrors.ADMISSION_REVIEW_INVALID({ what: "AdmissionReview", problem: "it is empty" });
        },
      },
      {
        name: "broken",
        path: "/broken",
        maxBodyMib: 1,
        handle: async () => {
          throw new Error("password=hunter2");
        },
      },
      {
        name: "slow",
        path: "/slow",
        maxBodyMib: 1,
        handle: ({ signal }) => {
          signal.addEventListener("abort", () => aborted.resolve(signal.reason));
          return new Promise(() => undefined);
        },
      },
    ],
  });
});

afterAll(() => server.close(0));

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** As the API server calls. */
function callRoute(path: string, body?: string | Buffer): Promise<Answer> {
  const [inner = "", query] = path.split("?");
  return call(`${callerPath(inner, token)}${query === undefined ? "" : `?${query}`}`, body);
}

function call(path: string, body?: string | Buffer, ca = bundle(certificates)): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? "GET" : "POST";
    const sent = request({ host: "127.0.0.1", port: server.port, path, method, ca, agent: false }, response => {
      text(response).then(answer => resolve({ status: response.statusCode ?? 0, body: answer }), reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

describe("the admission server", () => {
  it("gives a route the body and the rest of the path", async () => {
    const { status, body } = await callRoute("/echo/backends.example.com?timeout=10s", "question");
    expect([status, JSON.parse(body)]).toEqual([200, { body: "question", rest: "backends.example.com" }]);
    expect(calls.at(-1)).toBe("echo allowed");
  });

  it("has nothing but its paths", async () => {
    expect((await callRoute("/echo/", "x")).status).toBe(404);
    expect((await callRoute("/echo/x")).status).toBe(405);
    expect((await callRoute("/validations/external-resources", "x")).status).toBe(404);
    expect((await callRoute("/live")).status).toBe(404);
  });

  it("has not even those for callers who do not know the segment, and does not count or log them", async () => {
    const [counted, failed] = [calls.length, failures.length];
    const strange = [
      "/echo/x",
      "//echo/x",
      `/${token}/echo/x`,
      callerPath("/echo/y", token).replace("/echo/y", "/echo/x"),
      callerPath("/echo/x", newToken()),
      callerPath("/echo/x", token).slice(0, 20),
    ];
    for (const path of strange) expect(await call(path, "x")).toEqual({ status: 404, body: "not found\n" });
    expect([calls.length, failures.length]).toEqual([counted, failed]);
  });

  it("says whether it lives, is ready, and how much memory it has", async () => {
    expect(await call("/live")).toEqual({ status: 200, body: "" });
    expect(await call("/ready")).toEqual({ status: 200, body: "" });
    isReady = false;
    expect(await call("/ready")).toEqual({ status: 503, body: "" });
    isReady = true;
    expect(JSON.parse((await call("/memstats?runGC=1")).body)).toHaveProperty("heapUsed");
  });

  it("answers 400 for what is no review, 500 for its own faults, and tells nothing of the latter", async () => {
    const { status, body } = await callRoute("/coded", "x");
    expect(status).toBe(400);
    expect(body).toContain("it is empty (ADMISSION_REVIEW_INVALID)");
    const broken = await callRoute("/broken", "x");
    expect(broken.status).toBe(500);
    expect(broken.body).not.toContain("hunter2");
    expect(failures.at(-1)).toMatchObject({ path: "/broken", status: 500 });
    expect(calls.at(-1)).toBe("broken failed");
  });

  it("refuses a body that is too large before it has all of it", async () => {
    const answer = await callRoute("/echo/x", Buffer.alloc(3 * 2 ** 20)).catch(
      (error: NodeJS.ErrnoException) => error.code,
    );
    // A client that still sends may meet the closed connection before the answer.
    expect([413, "EPIPE", "ECONNRESET"]).toContain(typeof answer === "object" ? answer.status : answer);
    expect(failures.at(-1)?.error).toMatchObject({ code: "ADMISSION_BODY_TOO_LARGE" });
  });

  it("answers before the API server gives up, and stops what it does", async () => {
    aborted = Promise.withResolvers();
    const { status, body } = await callRoute("/slow?timeout=1s", "x");
    expect(status).toBe(500);
    expect(body).toContain("longer than 0.5 s");
    // So that a request to the API server that is under way knows that it had time enough.
    expect(await aborted.promise).toMatchObject({ cause: { name: "TimeoutError" } });
  });

  it("serves new certificates and paths without a restart", async () => {
    const next = await newCertificates();
    await expect(call("/live", undefined, bundle(next))).rejects.toThrow(/certificate/);
    const other = newToken();
    server.serve({ ...next, token: other });
    expect((await call(callerPath("/echo/x", other), "x", bundle(next))).status).toBe(200);
    expect((await call(callerPath("/echo/x", token), "x", bundle(next))).status).toBe(404);
    server.serve({ ...certificates, token });
    expect((await call("/live")).status).toBe(200);
  });

  it("says who has the port", async () => {
    const served = { ...certificates, token };
    const options = { host: "127.0.0.1", port: server.port, served, routes: [], ready: () => true };
    const error = await startAdmissionServer(options).catch((thrown: unknown) => thrown);
    expect(error instanceof CodedError && error.code).toBe("ADMISSION_ADDRESS_IN_USE");
  });
});
