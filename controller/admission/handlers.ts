/**
 * What each webhook decides. The work itself (loading modules, trial renders) is injected, so this room knows neither
 * flights nor loops.
 *
 * What is wrong with an object is a refusal. What keeps the controller from finding out (time, the API server, a flight
 * that is not loaded) is none: the object is admitted with a warning, and the loop says the rest in a condition. Only
 * the gate before override annotations stays shut then.
 */
import { CodedError } from "../../lib/errors.ts";
import type { KubeObject } from "../kube/object.ts";
import { paths } from "./configurations.ts";
import { checkConversion, parseConversion } from "./conversion.ts";
import { admissionErrors } from "./errors.ts";
import { type Access, gate } from "./overrides.ts";
import { type ResourceFacts, reviewResource } from "./resources.ts";
import {
  type AdmissionRequest,
  allowed,
  denied,
  parseReview,
  type Reason,
  reviewResponse,
  type Verdict,
} from "./review.ts";
import type { Decision, Route } from "./server.ts";

/** A check passes or rejects with what is wrong. It may be late or fail for reasons that are not the object's. */
type Check = (object: KubeObject, signal: AbortSignal) => Promise<void>;

export interface AdmissionWork {
  readonly mayOverride: Access;
  readonly resources: ResourceFacts;
  /** Loads the modules and tries the CRD. */
  readonly checkAirway: Check;
  /** Loads the module and tries the release. */
  readonly checkFlight: Check;
  /** The same for an instance of the Airway. */
  checkInstance(airway: string, object: KubeObject, signal: AbortSignal): Promise<void>;
  /** Runs the Airway's converter on a ConversionReview; returns what it printed. */
  convert(airway: string, review: string, signal: AbortSignal): Promise<string>;
}

/** Two objects of the API server's largest size, as JSON. */
const reviewMib = 16;
/** A page of a list is converted in one request. */
const conversionMib = 64;

export function admissionRoutes(work: AdmissionWork): Route[] {
  return [
    review("airway", paths.airway, ({ object }, _, signal) => check("Invalid", object, signal, work.checkAirway)),
    review("flight", paths.flight, ({ object }, _, signal) => check("BadRequest", object, signal, work.checkFlight)),
    review("resources", paths.resources, (request, _, signal) => reviewResource(work.resources, request, signal)),
    review("overrides", paths.overrides, async request => (await gate(request, work.mayOverride)) ?? allowed),
    // The last one, because its path begins those of the others.
    review("instance", paths.instance, (request, airway, signal) => reviewInstance(work, request, airway, signal)),
    {
      name: "conversion",
      path: paths.conversion,
      maxBodyMib: conversionMib,
      async handle({ body, rest: airway, signal }) {
        const request = parseConversion(body);
        const conversion = checkConversion(request, await work.convert(airway, body, signal));
        if (!conversion.ok) throw admissionErrors.ADMISSION_CONVERSION_FAILED({ airway, why: conversion.why });
        return { body: conversion.body, decision: "converted" };
      },
    },
  ];
}

type Reviewer = (request: AdmissionRequest, rest: string, signal: AbortSignal) => Promise<Verdict>;

function review(name: string, path: string, decide: Reviewer): Route {
  return {
    name,
    path,
    maxBodyMib: reviewMib,
    async handle({ body, rest, signal }) {
      const request = parseReview(body);
      const verdict = await decide(request, rest, signal);
      return { body: JSON.stringify(reviewResponse(request.uid, verdict)), decision: decisionOf(verdict) };
    },
  };
}

function decisionOf(verdict: Verdict): Decision {
  if (!verdict.allowed) return "denied";
  return verdict.warnings === undefined ? "allowed" : "warned";
}

/** The gate comes before everything (contract §2.5); that it holds while this fails is the other webhook's business. */
async function reviewInstance(
  work: AdmissionWork,
  request: AdmissionRequest,
  airway: string,
  signal: AbortSignal,
): Promise<Verdict> {
  const refusal = await gate(request, work.mayOverride);
  if (refusal !== undefined) return refusal;
  return check("Invalid", request.object, signal, (object, abort) => work.checkInstance(airway, object, abort));
}

async function check(
  reason: Reason,
  object: KubeObject | undefined,
  signal: AbortSignal,
  examine: Check,
): Promise<Verdict> {
  if (object === undefined || object.metadata.deletionTimestamp !== undefined) return allowed;
  try {
    await Promise.race([examine(object, signal), late(signal)]);
    return allowed;
  } catch (error) {
    if (error instanceof CodedError && !isUndecided(error)) return denied(reasonOf(error) ?? reason, error.message);
    const why = error instanceof CodedError ? `${error.message} (${error.code})` : "the controller's log says why";
    return { allowed: true, warnings: [`this could not be checked now: ${why}`] };
  }
}

function late(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
  });
}

/** Errors that are about the controller or its surroundings, and may be over by the time the loop looks. */
const undecided = [
  "ADMISSION_TIME_LIMIT",
  "FLIGHT_CRASHED",
  "FLIGHT_NOT_LOADED",
  "FLIGHT_SANDBOX_CLOSED",
  "KUBE_PROTOCOL",
  "KUBE_STOPPED",
  "KUBE_THROTTLED",
  "KUBE_TLS",
  "KUBE_UNAUTHENTICATED",
  "KUBE_UNAVAILABLE",
];

function isUndecided(error: CodedError): boolean {
  return undecided.includes(error.code);
}

/** Where it is not a matter of the object's fields. */
function reasonOf({ code }: CodedError): Reason | undefined {
  return code === "MODULE_NOT_ALLOWED" ? "Forbidden" : undefined;
}
