/** Puts the leader election together from the configuration: who leads, and what is told of it. */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { describeError } from "../lib/errors.ts";
import type { Config } from "./config.ts";
import { createClient } from "./kube/client.ts";
import type { ClusterConfig } from "./kube/config.ts";
import { createLeaderElection, type Leadership, leaseStore, soleLeadership } from "./kube/leaderElection.ts";
import { identityOf } from "./kube/lease.ts";
import type { Logger } from "./observe/log.ts";
import type { Check } from "./observe/server.ts";

export interface ReplicaLeadership extends Leadership {
  /** False: this is the only replica there can be. */
  readonly shared: boolean;
  check(): Check;
  /** See `LeaderElection.handOver`; the only replica is never followed by another. */
  handOver(waitMs: number): Promise<boolean>;
  /** Lets a standby go on. */
  close(): Promise<void>;
}

export function openLeadership(config: Config, cluster: ClusterConfig, log: Logger): ReplicaLeadership {
  if (!(config.leaderElect ?? cluster.inCluster ?? false)) {
    return {
      ...soleLeadership(),
      shared: false,
      check: () => ({ name: "leader", ok: true, note: "this is the only replica" }),
      handOver: async () => false,
      close: async () => {},
    };
  }
  // Connections of its own: a renewal does not wait behind the work, nor does the fence hold it up.
  const client = createClient(cluster, { userAgent: "atc/0.1 leader-election" });
  const lease = {
    namespace: config.leaseNamespace ?? config.svcNamespace ?? cluster.namespace,
    name: config.leaseName,
  };
  const identity = identityOf(config.leaderId ?? hostname(), randomBytes(4).toString("hex"));
  let told = "";
  const election = createLeaderElection({
    identity,
    succeedsItself: config.leaderId !== undefined,
    durationMs: config.leaseDurationMs,
    store: leaseStore(client, lease),
    onError: error => {
      const text = describeError(error);
      if (text !== told) log.warn({ ...lease, error: text }, "the Lease could not be read or renewed");
      told = text;
    },
  });
  election.start();
  log.info({ ...lease, identity }, "standing by");
  return {
    isLeader: () => election.isLeader(),
    timeLeftMs: () => election.timeLeftMs(),
    elected: election.elected,
    lost: election.lost,
    shared: true,
    check() {
      const { holder, ageMs, lastError } = election.state();
      const detail = lastError ?? `the Lease was last seen ${Math.round(ageMs / 1000)} s ago`;
      const note = election.isLeader() ? "this replica leads" : `standing by while ${holder || "nobody"} leads`;
      return { name: "leader", ok: election.isLeader() || ageMs < config.leaseDurationMs, note, detail };
    },
    handOver: waitMs => election.handOver(waitMs),
    async close() {
      await election.release();
      await client.transport.close();
    },
  };
}
