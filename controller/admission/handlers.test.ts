import { describe, expect, it } from "vitest";
import { CodedError } from "../../lib/errors.ts";
import { type AdmissionWork, admissionRoutes } from "./handlers.ts";

const failing =
  (code: string, message = "no good") =>
  () =>
    Promise.reject(new CodedError(code, message, "Mend it."));

function work(change: Partial<AdmissionWork> = {}): AdmissionWork {
  return {
    mayOverride: async () => false,
    resources: {
      isOwn: () => false,
      airwayOf: () => undefined,
      get: async () => undefined,
      getParent: async () => undefined,
      replicasPath: async () => [],
    },
    checkAirway: async () => undefined,
    checkFlight: async () => undefined,
    checkInstance: async () => undefined,
    convert: async () => "",
    ...change,
  };
}

interface Response {
  readonly allowed: boolean;
  readonly status?: { readonly reason: string; readonly message: string };
  readonly warnings?: readonly string[];
}

async function ask(path: string, of: AdmissionWork, metadata: Record<string, unknown> = {}, signal?: AbortSignal) {
  const object = { apiVersion: "e/v1", kind: "Backend", metadata: { name: "b", ...metadata } };
  const resource = { group: "e", version: "v1", resource: "backends" };
  const request = { uid: "u", operation: "CREATE", userInfo: { username: "jane" }, resource, object };
  const body = JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request });
  const route = admissionRoutes(of).find(({ path: own }) => (own.endsWith("/") ? path.startsWith(own) : path === own));
  if (route === undefined) throw new Error("no route");
  const call = { body, rest: path.slice(route.path.length), signal: signal ?? new AbortController().signal };
  return (JSON.parse((await route.handle(call)).body) as { response: Response }).response;
}

const instance = "/validations/backends.e";

describe("a review", () => {
  it("reaches the work of its path", async () => {
    expect(await ask("/validations/airways.yoke.cd", work({ checkAirway: failing("X") }))).toMatchObject({
      allowed: false,
      status: { reason: "Invalid", message: "no good" },
    });
    expect(await ask("/validations/flights.yoke.cd", work({ checkFlight: failing("X") }))).toMatchObject({
      allowed: false,
      status: { reason: "BadRequest" },
    });
    const asked: string[] = [];
    const checkInstance = async (airway: string) => void asked.push(airway);
    expect(await ask(instance, work({ checkInstance }))).toEqual({ uid: "u", allowed: true });
    expect(asked).toEqual(["backends.e"]);
  });

  it("forbids what a policy forbids", async () => {
    const response = await ask(instance, work({ checkInstance: failing("MODULE_NOT_ALLOWED") }));
    expect(response.status?.reason).toBe("Forbidden");
  });

  it("admits with a warning what cannot be found out, and tells nothing of unknown errors", async () => {
    for (const code of ["KUBE_UNAVAILABLE", "FLIGHT_NOT_LOADED", "FLIGHT_SANDBOX_CLOSED"]) {
      const response = await ask(instance, work({ checkInstance: failing(code) }));
      expect(response).toMatchObject({ allowed: true });
      expect(response.warnings?.[0]).toContain(`no good (${code})`);
    }
    const checkInstance = () => Promise.reject(new Error("hunter2"));
    const response = await ask(instance, work({ checkInstance }));
    expect(response.allowed).toBe(true);
    expect(JSON.stringify(response)).not.toContain("hunter2");
  });

  it("admits with a warning when there is no time left", async () => {
    const over = new AbortController();
    const checkInstance = () => {
      over.abort(new CodedError("ADMISSION_TIME_LIMIT", "too long", ""));
      return new Promise<void>(() => undefined);
    };
    const response = await ask(instance, work({ checkInstance }), {}, over.signal);
    expect(response).toMatchObject({ allowed: true });
    expect(response.warnings?.[0]).toContain("ADMISSION_TIME_LIMIT");
  });

  it("does not look at what is being deleted", async () => {
    const checkInstance = failing("X");
    expect(await ask(instance, work({ checkInstance }), { deletionTimestamp: "now" })).toMatchObject({ allowed: true });
  });

  it("asks the gate before everything, and only there fails shut", async () => {
    const annotations = { "overrides.yoke.cd/mode": "dynamic" };
    const checkInstance = failing("X");
    const response = await ask(instance, work({ checkInstance }), { annotations });
    expect(response.status).toMatchObject({
      reason: "Forbidden",
      message: "user does not have permissions to create or update override annotations",
    });
    const broken = work({ mayOverride: failing("KUBE_UNAVAILABLE") });
    await expect(ask("/overrides/backends.e", broken, { annotations })).rejects.toThrow("no good");
    expect(await ask("/overrides/backends.e", work({ mayOverride: async () => true }), { annotations })).toMatchObject({
      allowed: true,
    });
  });
});

describe("a conversion", () => {
  it("fails with what is wrong with the converter's answer", async () => {
    const route = admissionRoutes(work()).find(({ path }) => path === "/crdconvert/");
    const body = JSON.stringify({
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "ConversionReview",
      request: { uid: "u", desiredAPIVersion: "e/v2", objects: [] },
    });
    const call = { body, rest: "backends.e", signal: new AbortController().signal };
    await expect(route?.handle(call)).rejects.toThrow("the converter of Airway backends.e: it printed no");
  });
});
