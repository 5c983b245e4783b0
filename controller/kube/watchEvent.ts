/** One line of a watch, understood. Pure. Source: Kubernetes API concepts, "Efficient detection of changes". */
import { answerError, type KubeError, protocolError } from "./errors.ts";
import { compareResourceVersions, type KubeObject } from "./object.ts";

export type WatchEvent =
  | { type: "upsert" | "delete"; object: KubeObject; resourceVersion: string }
  | { type: "bookmark"; resourceVersion: string }
  | { type: "error"; error: KubeError };

/** What is cut, unknown or no event at all comes back as an error; the text is never quoted. */
export function parseWatchEvent(line: string, path: string): WatchEvent {
  const request = { method: "WATCH", path };
  let event: { type?: unknown; object?: KubeObject } | null;
  try {
    event = JSON.parse(line);
  } catch {
    return { type: "error", error: protocolError(request, `an event of ${line.length} characters is no JSON`) };
  }
  const { type, object } = event ?? {};
  if (type === "ERROR" && object !== undefined) {
    return { type: "error", error: answerError(request, { status: statusCode(object), body: JSON.stringify(object) }) };
  }
  const resourceVersion = object?.metadata?.resourceVersion;
  if (object === undefined || resourceVersion === undefined || resourceVersion === "") {
    return { type: "error", error: protocolError(request, "an event has no object with a resourceVersion") };
  }
  if (type === "ADDED" || type === "MODIFIED") return { type: "upsert", object, resourceVersion };
  if (type === "DELETED") return { type: "delete", object, resourceVersion };
  if (type === "BOOKMARK") return { type: "bookmark", resourceVersion };
  return { type: "error", error: protocolError(request, "an event is of an unknown type") };
}

function statusCode(status: KubeObject): number {
  return typeof status["code"] === "number" ? status["code"] : 500;
}

/**
 * Whether an event tells something that came before `position` or is `position` itself: a repeat.
 * The events of one watch come in the order of their resourceVersions (Kubernetes API guarantee). A resourceVersion
 * that is no decimal number, as an aggregated API may use, is never taken for a repeat.
 */
export function isRepeat(resourceVersion: string, position: string): boolean {
  return (
    decimal.test(resourceVersion) && decimal.test(position) && compareResourceVersions(resourceVersion, position) <= 0
  );
}

const decimal = /^[1-9]\d*$/;
