import { describe, expect, it } from "vitest";
import type { KubeObject } from "../kube/object.ts";
import { createInstaller, type Installer } from "./installer.ts";
import { FakeCluster } from "./testing/fakeCluster.ts";

function configuration(name: string, webhooks: unknown[] = []): KubeObject {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name },
    webhooks,
  };
}

function setUp(cluster = new FakeCluster(), holder = "one"): { cluster: FakeCluster; installer: Installer } {
  const { client, openReflector } = cluster;
  const onError = (error: unknown) => {
    throw error;
  };
  return { cluster, installer: createInstaller({ client, holder, onError, openReflector }) };
}

const webhooksOf = (cluster: FakeCluster, name: string) => cluster.objects.get(name)?.["webhooks"];

describe("an installer", () => {
  it("writes nothing before it is started, and then each configuration once", async () => {
    const { cluster, installer } = setUp();
    installer.set("a", configuration("a"));
    await installer.idle();
    expect(cluster.writes).toEqual([]);
    installer.start();
    await installer.idle();
    installer.set("a", configuration("a"));
    await installer.idle();
    expect(cluster.writes).toEqual(["apply a"]);
    installer.set("a", configuration("a", [1]));
    await installer.idle();
    expect(webhooksOf(cluster, "a")).toEqual([1]);
    installer.set("a", undefined);
    await installer.idle();
    expect(cluster.objects.size).toBe(0);
    await installer.stop();
  });

  it("puts back what somebody changes or deletes, and leaves alone what is not its own", async () => {
    const { cluster, installer } = setUp();
    installer.set("a", configuration("a", [1]));
    installer.start();
    await installer.idle();
    const live = cluster.objects.get("a");
    if (live === undefined) throw new Error("nothing was applied");
    cluster.put({ ...live, metadata: { ...live.metadata, labels: { added: "yes" } } });
    await installer.idle();
    expect(cluster.writes).toEqual(["apply a"]);
    cluster.put({ ...live, webhooks: [], metadata: { ...live.metadata, managedFields: [] } });
    await installer.idle();
    expect(webhooksOf(cluster, "a")).toEqual([1]);
    cluster.remove("a");
    await installer.idle();
    expect(webhooksOf(cluster, "a")).toEqual([1]);
    cluster.put(configuration("other"));
    cluster.remove("other");
    await installer.idle();
    expect(cluster.writes).toEqual(["apply a", "apply a", "apply a"]);
    await installer.stop();
  });

  it("makes a configuration anew as long as that fails", async () => {
    const { cluster, installer } = setUp();
    const failures: string[] = [];
    const { client, openReflector } = cluster;
    const onError = (_: unknown, name: string) => void failures.push(name);
    const patient = createInstaller({ client, holder: "one", onError, openReflector });
    const made = Promise.withResolvers<void>();
    patient.set("a", async () => {
      if (failures.length === 0) throw new Error("not yet");
      made.resolve();
      return { configuration: configuration("a") };
    });
    patient.start();
    await made.promise;
    await patient.idle();
    expect(cluster.writes).toEqual(["apply a"]);
    await Promise.all([patient.stop(), installer.stop()]);
  });

  it("knows which configurations are refused and why, and tells when that begins and ends", async () => {
    const { client, openReflector } = new FakeCluster();
    let isRefused = true;
    const turns: string[] = [];
    const failures: unknown[] = [];
    const refusing: typeof client.apply = async (object, options) => {
      if (isRefused && object.metadata.name === "a") throw new Error("you may not");
      return client.apply(object, options);
    };
    const installer = createInstaller({
      ...{ client: { ...client, apply: refusing }, holder: "one", openReflector },
      onError: error => failures.push(error),
      onTurn: name => turns.push(name),
    });
    for (const name of ["a", "b"]) installer.set(name, configuration(name));
    installer.start();
    await installer.idle();
    expect([installer.problem("a"), installer.problem("b"), installer.problems()]).toEqual([failures[0], undefined, 1]);
    expect(turns).toEqual(["a"]);
    installer.set("a", configuration("a", [1]));
    await installer.idle();
    expect(turns).toEqual(["a"]);
    isRefused = false;
    installer.set("a", configuration("a", [2]));
    await expect.poll(() => installer.problems()).toBe(0);
    expect(turns).toEqual(["a", "a"]);
    await installer.stop();
  });

  it("withdraws what it installed, and nothing that a successor has installed since", async () => {
    const { cluster, installer } = setUp();
    for (const name of ["a", "b", "c"]) installer.set(name, configuration(name));
    installer.start();
    await installer.idle();
    await installer.stop();
    const successor = setUp(cluster, "two").installer;
    successor.set("a", configuration("a"));
    successor.start();
    await successor.idle();
    // One more, at the very moment.
    const before = cluster.objects.get("b");
    cluster.meanwhile = () => before && cluster.put(before);
    await installer.withdraw(["a", "b"]);
    expect([...cluster.objects.keys()].sort()).toEqual(["a", "b", "c"]);
    await installer.withdraw(["b", "gone"]);
    expect([...cluster.objects.keys()].sort()).toEqual(["a", "c"]);
    await successor.stop();
  });
});
