import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { Mailbox } from "../kube/testing/mailbox.ts";
import { ManualClock } from "../kube/testing/manualClock.ts";
import { type CertificateSource, fileSource, secretSource, type Trusted } from "./certificateSource.ts";
import { FakeCluster } from "./testing/fakeCluster.ts";

const day = 24 * 3600_000;
const fail = (error: unknown) => {
  throw error;
};

function replica(cluster: FakeCluster, clock = new ManualClock()): { source: CertificateSource; clock: ManualClock } {
  const { client, openReflector } = cluster;
  const options = { client, openReflector, clock, namespace: "atc", names: ["atc.atc.svc"], onError: fail };
  const source = secretSource(options);
  onTestFinished(() => source.stop());
  return { source, clock };
}

const dataOf = (cluster: FakeCluster) => cluster.objects.get("atc-tls")?.["data"] as Record<string, string>;

describe("certificates in a Secret", () => {
  it("are made once, and shared by replicas that begin together", async () => {
    const cluster = new FakeCluster();
    const trusted = await Promise.all([1, 2, 3].map(() => replica(cluster).source.start(fail)));
    expect(new Set(trusted.map(({ certificate }) => certificate)).size).toBe(1);
    expect(new Set(trusted.map(({ token }) => token)).size).toBe(1);
    expect(cluster.objects.get("atc-tls")).toMatchObject({ type: "kubernetes.io/tls" });
    expect(Object.keys(dataOf(cluster)).sort()).toEqual(["ca.crt", "ca.key", "path-token", "tls.crt", "tls.key"]);
  });

  it("get a token where a former version made none, and keep everything else", async () => {
    const cluster = new FakeCluster();
    const first = await replica(cluster).source.start(() => undefined);
    const secret = cluster.objects.get("atc-tls");
    const { "path-token": _, ...former } = dataOf(cluster);
    const upgraded = new FakeCluster();
    if (secret !== undefined) upgraded.put({ ...secret, data: former });
    const [one, other] = await Promise.all([1, 2].map(() => replica(upgraded).source.start(fail)));
    expect(one).toEqual({ ...first, token: one?.token });
    expect(one?.token).not.toBe(first.token);
    expect(other).toEqual(one);
    expect(dataOf(upgraded)).toMatchObject(former);
  });

  it("have another token when theirs is taken out, which every replica learns", async () => {
    const cluster = new FakeCluster();
    const changes = new Mailbox<Trusted>();
    const first = await replica(cluster).source.start(next => changes.put(next));
    const secret = cluster.objects.get("atc-tls");
    if (secret !== undefined) cluster.put({ ...secret, data: { ...dataOf(cluster), "path-token": "" } });
    const second = await changes.take();
    expect(second).toEqual({ ...first, token: second.token });
    expect(second.token).not.toBe(first.token);
  });

  it("are renewed in time, which every replica learns", async () => {
    const cluster = new FakeCluster();
    const changes = new Mailbox<Trusted>();
    const { source, clock } = replica(cluster);
    const first = await source.start(() => undefined);
    await replica(cluster).source.start(next => changes.put(next));
    clock.advance(61 * day);
    const next = await changes.take();
    expect(next.certificate).not.toBe(first.certificate);
    expect(next.authorities).toBe(first.authorities);
    expect(next.token).toBe(first.token);
    expect(cluster.writes.filter(write => write.startsWith("patch"))).toHaveLength(1);
  });

  it("are never written over another replica's", async () => {
    const cluster = new FakeCluster();
    const changes = new Mailbox<Trusted>();
    const { source, clock } = replica(cluster);
    await source.start(next => changes.put(next));
    const other = new FakeCluster();
    await replica(other).source.start(fail);
    // Somebody puts another authority there at the same moment.
    cluster.meanwhile = () => {
      const secret = other.objects.get("atc-tls");
      if (secret !== undefined) cluster.put(secret);
    };
    clock.advance(61 * day);
    const held = await changes.take();
    expect(dataOf(cluster)["ca.key"]).toBe(dataOf(other)["ca.key"]);
    expect(held.authorities).toBe(Buffer.from(dataOf(other)["ca.crt"] ?? "", "base64").toString());
  });

  it("are made anew when the Secret is lost or spoilt", async () => {
    const cluster = new FakeCluster();
    const changes = new Mailbox<Trusted>();
    const { source } = replica(cluster);
    const first = await source.start(next => changes.put(next));
    cluster.remove("atc-tls");
    const second = await changes.take();
    expect(second.authorities).not.toBe(first.authorities);
    const secret = cluster.objects.get("atc-tls");
    if (secret !== undefined) cluster.put({ ...secret, data: { "tls.crt": "" } });
    const third = await changes.take();
    expect(third.authorities).not.toBe(second.authorities);
  });
});

describe("certificates in files", () => {
  it("are read again when they change", async () => {
    const folder = mkdtempSync(join(tmpdir(), "certificates-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const paths = { authorities: join(folder, "ca"), certificate: join(folder, "crt"), key: join(folder, "key") };
    const write = (path: string, text: string) => writeFileSync(path, `-----BEGIN ${text}-----`);
    for (const path of Object.values(paths)) write(path, "ONE");
    const clock = new ManualClock();
    const changes = new Mailbox<Trusted>();
    const source = fileSource({ ...paths, clock, onError: fail });
    onTestFinished(() => source.stop());
    const first = await source.start(next => changes.put(next));
    expect(first.certificate).toContain("ONE");
    write(paths.certificate, "TWO");
    clock.advance(10_000);
    const second = await changes.take();
    expect(second.certificate).toContain("TWO");
    expect(second.token).toBe(first.token);
  });

  it("have to be there, and PEM", async () => {
    const missing = join(tmpdir(), "no-such-file");
    const source = fileSource({ authorities: missing, certificate: missing, key: missing, onError: fail });
    await expect(source.start(fail)).rejects.toThrow("ENOENT");
    const plain = join(import.meta.dirname, "../../package.json");
    const other = fileSource({ authorities: plain, certificate: plain, key: plain, onError: fail });
    await expect(other.start(fail)).rejects.toThrow("it is no PEM");
  });
});
