/**
 * How the server knows the API server, which shows no certificate of its own unless it was set up to: every path begins
 * with a segment that only who can read the webhook configurations and CRDs knows (docs/decisions/0009-admission.md).
 *
 * The segment is another one for each path. The API server quotes the URL of a call that failed to whoever made it
 * necessary, where a webhook fails shut or converts; what is learnt so opens no other path.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** A secret of 256 bit, as base64url. */
const tokenPattern = /^[A-Za-z0-9_-]{43}$/;

export function newToken(): string {
  return randomBytes(32).toString("base64url");
}

export function isToken(text: string): boolean {
  return tokenPattern.test(text);
}

/**
 * Replicas that are given the same key agree.
 *
 * @param privateKey PEM
 */
export function tokenOfKey(privateKey: string): string {
  return createHmac("sha256", privateKey).update("atc.yoke.cd/path-token").digest("base64url");
}

/**
 * `/validations/a` as the API server is told it: `/<64 hexadecimal digits>/validations/a`. Where it calls by Service, each
 * segment has to be a DNS subdomain in lower case.
 */
export function callerPath(path: string, token: string): string {
  return `/${segmentOf(path, token)}${path}`;
}

/** The path without the segment; undefined: the caller does not know it. */
export function openPath(called: string, token: string): string | undefined {
  const end = called.indexOf("/", 1);
  if (end === -1) return undefined;
  const path = called.slice(end);
  const [given, expected] = [Buffer.from(called.slice(0, end)), Buffer.from(`/${segmentOf(path, token)}`)];
  return given.length === expected.length && timingSafeEqual(given, expected) ? path : undefined;
}

function segmentOf(path: string, token: string): string {
  return createHmac("sha256", token).update(path).digest("hex");
}
