/** Asks a service whether it is ready. */
import { call } from "../http.ts";
import type { ConcreteService } from "./spec.ts";

/** `instance` is the value of the service's `instanceField`, or empty. */
export type Readiness =
  | { readonly ready: true; readonly instance: string }
  | { readonly ready: false; readonly problem: string };

export async function askReady({ ready }: Pick<ConcreteService, "ready">, timeoutMs: number): Promise<Readiness> {
  try {
    const { status, body } = await call({ url: ready.url, timeoutMs });
    if (status < 200 || status > 299) return { ready: false, problem: `${ready.url} answers ${status}` };
    return { ready: true, instance: instanceIn(body, ready.instanceField) };
  } catch (error) {
    return {
      ready: false,
      problem: `${ready.url} does not answer (${error instanceof Error ? error.message : error})`,
    };
  }
}

export function instanceIn(body: string, field: string | undefined): string {
  if (field === undefined) return "";
  try {
    const value: unknown = (JSON.parse(body) as Record<string, unknown>)[field];
    return typeof value === "string" ? value : "";
  } catch {
    return "";
  }
}
