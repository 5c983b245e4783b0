/** The cluster of a running stack, as its outputs describe it. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { createClient, type KubeClient } from "../controller/kube/client.ts";
import { loadConfig } from "../controller/kube/config.ts";
import type { KubeObject, ObjectRef } from "../controller/kube/object.ts";
import { backend } from "../flights/backend/flight.ts";
import { errors } from "./errors.ts";
import { pulumiOutput, stateDir } from "./pulumiCli.ts";

/** What `pulumi stack output` has. */
export interface StackOutputs {
  readonly kubeconfig: string;
  readonly vaultAddress: string;
  readonly vaultToken: string;
  /** `namespace/name` */
  readonly backend: string;
  readonly controller: string;
}

/** @throws STACK_ABSENT when the stack is not up. */
export async function stackOutputs(stack: string): Promise<StackOutputs> {
  const text = await pulumiOutput(["stack", "output", "--stack", stack, "--json", "--show-secrets"]);
  const outputs = JSON.parse(text) as Partial<StackOutputs>;
  if (!outputs.kubeconfig || !outputs.backend) throw errors.STACK_ABSENT({});
  return outputs as StackOutputs;
}

export const kubeconfigPath = (stack: string): string => join(stateDir, stack, "kubeconfig.yaml");

/** Writes the stack's kubeconfig where kubectl can read it, for its owner only; returns its path. */
export function writeKubeconfig(stack: string, kubeconfig: string): string {
  const file = kubeconfigPath(stack);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, kubeconfig, { mode: 0o600 });
  return file;
}

export const clientOf = (kubeconfig: string): KubeClient => createClient(loadConfig({ kubeconfig }));

export function backendRef(reference: string): ObjectRef {
  const [namespace = "", name = ""] = reference.split("/");
  return { apiVersion: `${backend.group}/${backend.version}`, kind: backend.kind, namespace, name };
}

/**
 * Waits until the Backend is Ready, which after a repair takes longer than `pulumi up`.
 * @returns the reason why it is not, when it did not become so in time
 */
export async function backendReady(client: KubeClient, ref: ObjectRef, timeoutMs: number): Promise<string | undefined> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const why = notReady(await client.get(ref));
    if (why === undefined || Date.now() > deadline) return why;
    await pause(250);
  }
}

function notReady(object: KubeObject | undefined): string | undefined {
  if (!object) return "it is not there";
  const status = object["status"] as { conditions?: { type: string; status: string; message: string }[] } | undefined;
  const ready = status?.conditions?.find(condition => condition.type === "Ready");
  if (!ready) return "the controller has not looked at it yet";
  return ready.status === "True" ? undefined : ready.message;
}
