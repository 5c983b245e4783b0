/**
 * Is everything that `up` has brought up still well? Answers before each deployment, so it is quick, changes nothing,
 * and never fails: what it cannot see is broken or absent.
 */
import { clusterDirOf, hasData, inspectCluster, readClusterRecord } from "./cluster/health.ts";
import { probedGeneration } from "./generation.ts";
import { lockHolder } from "./lock.ts";
import { askReady } from "./supervisor/ready.ts";
import { liveProcess, readRecord, recordedServices } from "./supervisor/record.ts";

export interface PartProbe {
  /** See generation.ts. */
  readonly generation: number;
  readonly state: "healthy" | "broken" | "absent";
  /** Why it is broken; empty otherwise. */
  readonly problem: string;
}

export interface ClusterProbe extends PartProbe {
  /** Stays the same as long as what etcd holds, through every repair; another one, and all of it is or will be gone. */
  readonly createdAs: number;
}

export interface Probe {
  readonly cluster: ClusterProbe;
  /** By name; a service that is not in here is absent. */
  readonly services: Readonly<Record<string, PartProbe>>;
  /** For services that are not in `services`. */
  readonly absent: PartProbe;
}

const answerWithinMs = 2_000;

export async function probe(stateDir: string): Promise<Probe> {
  const supervised = lockHolder(stateDir, "supervisor") !== undefined;
  const names = recordedServices(stateDir);
  const [cluster, services] = await Promise.all([
    probeCluster(stateDir).catch(() => lost(unreadable())),
    Promise.all(names.map(name => probeService(stateDir, name, supervised).catch(unreadable))),
  ]);
  return {
    cluster,
    services: Object.fromEntries(names.map((name, i) => [name, services[i] ?? part(undefined, "")])),
    absent: part(undefined, ""),
  };
}

async function probeCluster(stateDir: string): Promise<ClusterProbe> {
  const record = readClusterRecord(stateDir);
  if (record === undefined) return lost(part(undefined, ""));
  const { generation, createdAs } = record;
  if (record.clusterDir !== clusterDirOf(stateDir, record.name)) return lost(part(generation, "its folder was moved"));
  if (!hasData(record.clusterDir)) return lost(part(generation, "its data is gone"));
  const { problems } = await inspectCluster(record, answerWithinMs);
  return { ...part(generation, problems.join(", ")), createdAs };
}

/** A cluster whose data is gone, so that what `up` makes is another one. */
const lost = (found: PartProbe): ClusterProbe => ({ ...found, createdAs: found.generation });

async function probeService(stateDir: string, name: string, supervised: boolean): Promise<PartProbe> {
  const record = readRecord(stateDir, name);
  if (record?.generation === undefined) return part(undefined, "");
  return part(record.generation, await problemOf(record, supervised));
}

async function problemOf(record: NonNullable<ReturnType<typeof readRecord>>, supervised: boolean): Promise<string> {
  if (liveProcess(record) === undefined) return "its process is gone";
  if (!supervised) return "its supervisor is gone";
  const answer = await askReady(record.service, answerWithinMs);
  if (!answer.ready) return answer.problem;
  return answer.instance === record.instance ? "" : "it was restarted and has lost its data";
}

function part(recorded: number | undefined, problem: string): PartProbe {
  const state = recorded === undefined ? "absent" : problem === "" ? "healthy" : "broken";
  return { generation: probedGeneration(recorded, problem === ""), state, problem };
}

/** A record that another version has written, say: `up` will write it anew. */
const unreadable = (): PartProbe => part(undefined, "");
