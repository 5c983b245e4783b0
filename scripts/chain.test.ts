import { describe, expect, it } from "vitest";
import type { KubeObject } from "../controller/kube/object.ts";
import { Chain, type Part, printedChain } from "./chain.ts";

const object = (kind: string, fields: Record<string, unknown>, generation = 1): KubeObject => ({
  apiVersion: "v1",
  kind,
  metadata: { name: "nginx", namespace: "default", generation, resourceVersion: "7" },
  ...fields,
});

const secret = (value: string) => object("Secret", { data: { hello: value } });
const externalSecret = (refreshTime: string) => object("ExternalSecret", { status: { refreshTime } });
const backend = (time: string) =>
  object("Backend", { status: { atc: { rolls: [{ renderedAt: time, time, cause: "Secret updated" }] } } });
const deployment = (generation: number, updatedReplicas: number) =>
  object(
    "Deployment",
    {
      spec: { replicas: 2 },
      status: { observedGeneration: generation, replicas: 2, updatedReplicas, availableReplicas: 2 },
    },
    generation,
  );

function chainFromRest(): Chain {
  const chain = new Chain(100);
  const states: [Part, KubeObject][] = [
    ["secret", secret("old")],
    ["externalSecret", externalSecret("10:00:00")],
    ["backend", backend("1970-01-01T00:00:00.100Z")],
    ["deployment", deployment(3, 2)],
  ];
  for (const [part, state] of states) chain.see(part, state, 100);
  return chain;
}

describe("the chain", () => {
  it("is empty while nothing changes, whatever is refreshed", () => {
    const chain = chainFromRest();
    chain.seeVault(4, 100);
    chain.see("secret", secret("old"), 200);
    chain.see("externalSecret", externalSecret("10:00:05"), 200);
    chain.see("deployment", deployment(3, 2), 200);
    expect(chain.links()).toEqual([]);
  });

  it("has every link, in the order in which they happened", () => {
    const chain = chainFromRest();
    chain.seeVault(5, 1000);
    chain.see("secret", secret("new"), 1010);
    chain.see("externalSecret", externalSecret("10:00:05"), 1011);
    chain.see("deployment", deployment(4, 0), 1030);
    chain.see("backend", backend("1970-01-01T00:00:01.040Z"), 1045);
    chain.see("deployment", deployment(4, 1), 1100);
    expect(chain.missing()).toEqual(["rollout"]);
    chain.see("deployment", deployment(4, 2), 1300);
    expect(chain.links().map(({ name, at }) => [name, at])).toEqual([
      ["vault", 1000],
      ["secret", 1010],
      ["externalSecret", 1011],
      ["deployment", 1030],
      ["rendered", 1040],
      ["rollout", 1300],
    ]);
    expect(chain.missing()).toEqual([]);
  });

  it("has the Secret change before what was rendered from it, when its event comes late", () => {
    const chain = chainFromRest();
    chain.see("secret", secret("new"), 1070);
    chain.see("backend", backend("1970-01-01T00:00:01.040Z"), 1075);
    expect(chain.links().map(({ name, at }) => [name, at])).toEqual([
      ["secret", 1040],
      ["rendered", 1040],
    ]);
  });

  it("counts version 1 of a Vault that lost its data", () => {
    const chain = chainFromRest();
    chain.seeVault(1, 1000);
    expect(chain.links().map(({ name }) => name)).toEqual(["vault"]);
  });

  it("keeps the first time of each link", () => {
    const chain = chainFromRest();
    chain.see("secret", secret("new"), 1010);
    chain.see("secret", secret("newer"), 2000);
    expect(chain.links().map(({ at }) => at)).toEqual([1010]);
  });

  it("never shows a value", () => {
    const chain = chainFromRest();
    chain.see("secret", secret("hunter2"), 1010);
    expect(JSON.stringify(chain.links()) + printedChain(chain.links()).join()).not.toContain("hunter2");
  });
});

describe("the printed chain", () => {
  it("tells the time since the beginning and since the link before", () => {
    const lines = printedChain([
      { name: "vault", at: 1000, detail: "version 5" },
      { name: "secret", at: 1012, detail: "default/nginx" },
      { name: "rollout", at: 1300, detail: "2 new pods" },
    ]);
    expect(lines).toEqual([
      "  00:00:01.000       0 ms      +0 ms  Vault version written  version 5",
      "  00:00:01.012      12 ms     +12 ms  Secret changed         default/nginx",
      "  00:00:01.300     300 ms    +288 ms  rollout complete       2 new pods",
    ]);
  });
});
