import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { exchangePorts, kwokctlConfig, messagesIn, portsByComponent } from "./kwokctl.ts";

const kwokYaml = `apiVersion: config.kwok.x-k8s.io/v1alpha1
components:
- name: etcd
  args: [--listen-peer-urls=http://127.0.0.1:32760, --listen-client-urls=http://127.0.0.1:32759]
  ports:
  - { name: peer-http, port: 32760 }
  - { name: http, port: 32759 }
- name: kube-apiserver
  args: [--etcd-servers=http://127.0.0.1:32759, --secure-port=32758]
  ports:
  - { name: https, port: 32758 }
kind: KwokctlConfiguration
---
kind: Stage
spec: { template: "{{ with .x }}\\n---" }
`;

describe("kwokctl's configuration", () => {
  const ports = {
    ...{ etcdPort: 20_001, etcdPeerPort: 20_002, kubeApiserverPort: 20_003, kubeControllerManagerPort: 20_004 },
    ...{ kubeSchedulerPort: 20_005, kwokControllerPort: 20_006 },
  };
  const config = kwokctlConfig(name => `/tools/${name}`, ports) as { options: Record<string, unknown> };

  it("says which ports to use", () => {
    expect(config.options).toMatchObject(ports);
  });

  it("binds to loopback and leaves nothing to be downloaded", () => {
    expect(config.options["bindAddress"]).toBe("127.0.0.1");
    const binaries = Object.entries(config.options).filter(([key]) => key.endsWith("Binary"));
    expect(binaries.map(([key]) => key.replace("Binary", "")).sort()).toEqual(
      ["etcd", "kubeApiserver", "kubeControllerManager", "kubeScheduler", "kubectl", "kwokController"].sort(),
    );
    for (const [, path] of binaries) expect(path).toMatch(/^\/tools\//);
  });
});

describe("kwokctl's record", () => {
  it("tells every port and whose it is", () => {
    expect(portsByComponent(kwokYaml)).toEqual([
      { component: "etcd", use: "peer-http", port: 32760 },
      { component: "etcd", use: "http", port: 32759 },
      { component: "kube-apiserver", use: "https", port: 32758 },
    ]);
  });

  it("tells none when the creation was interrupted", () => {
    expect(portsByComponent("kind: KwokctlConfiguration\noptions: {}\n")).toEqual([]);
    expect(portsByComponent("")).toEqual([]);
  });

  it("moves a component to another port wherever it is named", () => {
    const moved = exchangePorts(kwokYaml, new Map([[32759, 20001]]));
    expect(moved).not.toContain("32759");
    expect(portsByComponent(moved).map(({ port }) => port)).toEqual([32760, 20001, 32758]);
    expect(parse(moved.split("---")[0] ?? "").components[1].args[0]).toBe("--etcd-servers=http://127.0.0.1:20001");
  });
});

describe("kwokctl's output", () => {
  it("is reduced to its messages", () => {
    const output =
      '{"level":"INFO","msg":"Cluster is creating"}\n{"level":"ERROR","msg":"Execute exit","err":"no space"}\nplain\n';
    expect(messagesIn(output)).toBe("Cluster is creating; Execute exit: no space; plain");
  });
});
