/**
 * A revision: one recorded state of a release, as a Secret in yoke's format, so that yoke's own tools read it
 * (contract §5). Pure: stages in, Secret out, and back.
 *
 * Whoever may write Secrets of a namespace can forge one, and what is in it is applied with the controller's rights when
 * somebody rolls back to it. So each carries a signature by a key of the controller, and a rollback asks for it (`isAuthentic`).
 */

import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { CodedError } from "../../lib/errors.ts";
import type { KubeObject } from "../kube/object.ts";
import { errors } from "./errors.ts";
import { digest } from "./fields.ts";
import { checkStages } from "./output.ts";
import { child, text } from "./stored.ts";

/** On an owner: the name of the revision that is applied instead of a render. */
export const revisionAnnotation = "atc.yoke.cd/revision";
const revisionKind = "revision";
const kindLabel = "internal.yoke/kind";
const releaseLabel = "internal.yoke/release";
const annotation = {
  release: "internal.yoke/release-name",
  createdAt: "internal.yoke/created-at",
  activeAt: "internal.yoke/active-at",
  resources: "internal.yoke/resources",
  url: "internal.yoke/source-url",
  checksum: "internal.yoke/source-checksum",
  /** Ours: HMAC-SHA256 over release, namespace, name and content. */
  signature: "atc.yoke.cd/signature",
} as const;

/** Of all values of a Secret together; Kubernetes' `MaxSecretSize`. */
const largestSecret = 1024 * 1024;
/** Unpacked; more than any render may print. */
const largestStages = 64 * 1024 * 1024;

/** The module that rendered it. */
export interface RevisionSource {
  readonly url: string;
  /** sha1 hex of the uncompressed module. */
  readonly checksum: string;
}

/** What the metadata of a revision tells. */
export interface Revision {
  readonly name: string;
  readonly uid: string;
  /** The full release name. */
  readonly release: string;
  /** RFC 3339. */
  readonly createdAt: string;
  /** RFC 3339; the newest one is the active revision. */
  readonly activeAt: string;
  readonly resources: number;
  readonly source: RevisionSource;
}

export interface RevisionInput {
  readonly name: string;
  /** Where it is kept: the release namespace. */
  readonly namespace: string;
  readonly release: string;
  /** In milliseconds since the epoch. */
  readonly at: number;
  readonly source: RevisionSource;
  readonly stages: readonly (readonly KubeObject[])[];
  /** Of the controller, for the signature. */
  readonly key: Uint8Array;
}

const namePattern = /^yoke\.[0-9a-f]{12}$/;

export function newRevisionName(): string {
  return `yoke.${randomBytes(6).toString("hex")}`;
}

export function isRevisionName(text: string): boolean {
  return namePattern.test(text);
}

/** @throws RELEASE_REVISION_TOO_LARGE when a Secret has no room for the stages. */
export function revisionSecret(input: RevisionInput): KubeObject {
  const { name, namespace, release, source, stages, key } = input;
  const content = gzipSync(JSON.stringify(stages));
  if (content.length > largestSecret) {
    const objects = stages.flat().length;
    throw errors.RELEASE_REVISION_TOO_LARGE({ objects, bytes: content.length, limit: largestSecret });
  }
  const time = nanoTime(input.at);
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name,
      namespace,
      labels: { [kindLabel]: revisionKind, [releaseLabel]: releaseLabelOf(release) },
      annotations: {
        [annotation.release]: release,
        [annotation.createdAt]: time,
        [annotation.activeAt]: time,
        [annotation.resources]: String(stages.flat().length),
        [annotation.url]: source.url,
        [annotation.checksum]: source.checksum,
        [annotation.signature]: sign(key, { release, namespace, name }, content),
      },
    },
    type: "Opaque",
    data: { resources: content.toString("base64") },
  };
}

/** Whether the object says that it is a revision of this release; its metadata is enough. */
export function isRevisionOf(object: KubeObject, release: string): boolean {
  const { labels = {}, annotations = {} } = object.metadata;
  if (labels[kindLabel] !== revisionKind) return false;
  if (labels[releaseLabel] === releaseLabelOf(release)) return annotations[annotation.release] === release;
  return labels[releaseLabel] === release;
}

/** From metadata; what is missing or malformed is empty, for yoke's old revisions lack some of it. */
export function readRevision(object: KubeObject): Revision {
  const { name, uid = "", labels = {}, annotations = {} } = object.metadata;
  const text = (field: keyof typeof annotation) => annotations[annotation[field]] ?? "";
  const resources = Number(text("resources"));
  return {
    name,
    uid,
    release: text("release") || (labels[releaseLabel] ?? ""),
    createdAt: text("createdAt"),
    activeAt: text("activeAt"),
    resources: Number.isSafeInteger(resources) && resources >= 0 ? resources : 0,
    source: { url: text("url"), checksum: text("checksum") },
  };
}

/** Whether this controller stored this content as a revision of this release. */
export function isAuthentic(secret: KubeObject, release: string, key: Uint8Array): boolean {
  if (!isRevisionOf(secret, release)) return false;
  const { name, namespace = "", annotations = {} } = secret.metadata;
  const expected = Buffer.from(sign(key, { release, namespace, name }, contentOf(secret)));
  const given = Buffer.from(annotations[annotation.signature] ?? "");
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/**
 * The stages that a revision holds: objects as `parseOutput` would accept them, not yet anybody's; `normalise` makes
 * them a release's again.
 *
 * @throws RELEASE_REVISION_UNREADABLE when it cannot be unpacked, is too large, or holds no stages.
 */
export function readStages(secret: KubeObject): KubeObject[][] {
  const { name } = secret.metadata;
  try {
    return checkStages(JSON.parse(unpacked(secret)));
  } catch (cause) {
    // Messages of parsers quote what they parse; those of ours do not.
    const why = cause instanceof CodedError ? cause.message : "it is no JSON, or more than there is room for";
    throw errors.RELEASE_REVISION_UNREADABLE({ name, why });
  }
}

/** To compare what is stored with what is to be; empty when it cannot be unpacked. */
export function storedDigest(secret: KubeObject): string {
  try {
    return digest(unpacked(secret));
  } catch {
    return "";
  }
}

/** The `storedDigest` of the revision that these stages would make. Of secrets too: not to be shown. */
export function stagesDigest(stages: RevisionInput["stages"]): string {
  return digest(JSON.stringify(stages));
}

/** Active first: newest `active-at`, then newest `created-at`. */
export function byActivity(revisions: readonly Revision[]): Revision[] {
  const newest = (a: string, b: string) => instant(b) - instant(a) || (a < b ? 1 : a > b ? -1 : 0);
  return [...revisions].sort((a, b) => newest(a.activeAt, b.activeAt) || newest(a.createdAt, b.createdAt));
}

/** Selects all revisions of a release, also yoke's old ones, whose label is the plain name. */
export function revisionSelector(release: string): string {
  const values = [releaseLabelOf(release), ...(isLabelValue(release) ? [release] : [])];
  return `${kindLabel}=${revisionKind},${releaseLabel} in (${values.join(",")})`;
}

/** The merge patch that gives an old revision the labels of today; undefined when it has them. */
export function relabelling(object: KubeObject): Record<string, unknown> | undefined {
  const { labels = {}, annotations = {} } = object.metadata;
  const release = annotations[annotation.release] ?? labels[releaseLabel] ?? "";
  if (release === "" || labels[releaseLabel] === releaseLabelOf(release)) return undefined;
  // The label of another release beside our name: not an old one.
  if (labels[releaseLabel] !== release) return undefined;
  return {
    metadata: {
      labels: { [releaseLabel]: releaseLabelOf(release) },
      annotations: { [annotation.release]: release },
    },
  };
}

/** The merge patch that makes a revision the active one. */
export function activation(at: number): { readonly metadata: { readonly annotations: Record<string, string> } } {
  return { metadata: { annotations: { [annotation.activeAt]: nanoTime(at) } } };
}

function releaseLabelOf(release: string): string {
  return createHash("sha1").update(release).digest("hex");
}

function isLabelValue(text: string): boolean {
  return /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(text);
}

/** RFC 3339 with nanoseconds, as yoke writes it. */
function nanoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace("Z", "000000Z");
}

/** Unreadable times are the oldest. */
function instant(time: string): number {
  const milliseconds = Date.parse(time);
  return Number.isNaN(milliseconds) ? Number.NEGATIVE_INFINITY : milliseconds;
}

/** With the name: one revision must not pass for another of the same release. */
function sign(
  key: Uint8Array,
  { release, namespace, name }: Pick<RevisionInput, "release" | "namespace" | "name">,
  content: Uint8Array,
): string {
  const hash = createHash("sha256").update(content).digest("hex");
  return createHmac("sha256", key)
    .update(JSON.stringify([release, namespace, name, hash]))
    .digest("base64url");
}

function contentOf(secret: KubeObject): Buffer {
  return Buffer.from(text(child(secret, "data")["resources"]), "base64");
}

function unpacked(secret: KubeObject): string {
  const content = contentOf(secret);
  const packed = content[0] === 0x1f && content[1] === 0x8b;
  return (packed ? gunzipSync(content, { maxOutputLength: largestStages }) : content).toString("utf8");
}
