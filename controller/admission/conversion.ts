/**
 * ConversionReview, `apiextensions.k8s.io/v1`: checks the API server's question and a converter's answer (contract §3.6).
 *
 * The question goes to the converter unchanged, and its answer to the API server, but for the status: where a converter
 * leaves it out, as those do that only know specs, each object keeps the one it had.
 */
import { z } from "zod";
import { jsonOf } from "../../lib/json.ts";
import { invalid, parseBody } from "./review.ts";

export interface ConversionRequest {
  readonly uid: string;
  readonly desiredAPIVersion: string;
  readonly objects: readonly ConvertedObject[];
}

type ConvertedObject = z.infer<typeof object>;

const object = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string().optional(),
    namespace: z.string().optional(),
    uid: z.string().optional(),
  }),
});

const question = z.looseObject({
  apiVersion: z.literal("apiextensions.k8s.io/v1"),
  kind: z.literal("ConversionReview"),
  request: z.looseObject({ uid: z.string().min(1), desiredAPIVersion: z.string().min(1), objects: z.array(object) }),
});

const answer = z.looseObject({
  kind: z.literal("ConversionReview"),
  response: z.looseObject({
    uid: z.string(),
    result: z.looseObject({ status: z.string(), message: z.string().optional() }),
    convertedObjects: z.array(object).nullish(),
  }),
});

/** @throws ADMISSION_REVIEW_INVALID */
export function parseConversion(body: string): ConversionRequest {
  const parsed = question.safeParse(parseBody(body, "ConversionReview"));
  if (!parsed.success) throw invalid("ConversionReview", parsed.error);
  return parsed.data.request;
}

/** The answer to give, or what is wrong with the converter's one, for ADMISSION_CONVERSION_FAILED. */
export type Conversion = { readonly ok: true; readonly body: string } | { readonly ok: false; readonly why: string };

/** @param output what the converter printed */
export function checkConversion(request: ConversionRequest, output: string): Conversion {
  const read = answer.safeParse(jsonOf(output));
  if (!read.success) return refuse("it printed no ConversionReview with a response");
  const { response } = read.data;
  if (response.uid !== request.uid) return refuse("its response has another uid than the request");
  if (response.result.status !== "Success") {
    const message = response.result.message ?? "";
    return refuse(message === "" ? `it says ${JSON.stringify(response.result.status)} without a message` : message);
  }
  const converted = response.convertedObjects ?? [];
  if (converted.length !== request.objects.length) {
    return refuse(`it was given ${request.objects.length} objects and returned ${converted.length}`);
  }
  for (const [at, original] of request.objects.entries()) {
    const why = mismatch(original, converted[at], request.desiredAPIVersion);
    if (why !== undefined) return refuse(`object ${at}: ${why}`);
  }
  const convertedObjects = converted.map((object, at) => withStatus(object, request.objects[at]));
  const result = { status: "Success" };
  const body = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "ConversionReview",
    response: { uid: request.uid, result, convertedObjects },
  };
  return { ok: true, body: JSON.stringify(body) };
}

function refuse(why: string): Conversion {
  return { ok: false, why };
}

function mismatch(original: ConvertedObject, converted: ConvertedObject | undefined, version: string) {
  if (converted === undefined || converted.kind !== original.kind) return "its kind was changed";
  if (converted.apiVersion !== version) return `it has version ${converted.apiVersion} instead of ${version}`;
  const changed = (["name", "namespace", "uid"] as const).find(
    field => (converted.metadata[field] ?? "") !== (original.metadata[field] ?? ""),
  );
  return changed === undefined ? undefined : `its metadata.${changed} was changed; objects must keep their order`;
}

function withStatus(converted: ConvertedObject, original: ConvertedObject | undefined): ConvertedObject {
  const status = original?.["status"];
  return status === undefined || converted["status"] !== undefined ? converted : { ...converted, status };
}
