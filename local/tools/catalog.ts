/**
 * The tools of the embedded cluster and of the tests: what each is built from, and which found binary does as well.
 * Each folder here is a Go module that pins one upstream; the Go proxy and its checksum database are the only source.
 */

/** What one tool needs. */
export interface ToolRecipe {
  /** What is built here. */
  readonly version: string;
  /** A found binary is used from this version on ... */
  readonly from: string;
  /** ... and below this one. */
  readonly below: string;
  /** Arguments that print the version. Absent: the tool cannot be asked, and any found binary is taken. */
  readonly versionArgs?: readonly string[];
  /** The Go module's folder beside this file. */
  readonly folder: string;
  /** The main package; `.` is our own. */
  readonly package: string;
  /** For `-ldflags`, besides `-s -w`. */
  readonly ldflags?: string;
  /** A module of which some packages are replaced by those under `FOLDER/overlay`. */
  readonly overlaid?: string;
  /** Measured compile time in CPU seconds on an empty cache after the tools above it; for "about n minutes". */
  readonly cpuSeconds: number;
}

const KUBERNETES = "1.34.4";
const PULUMI = "3.259.0";
const REGISTRY = "3.1.2";

/** Without these flags the binaries call themselves 0.0.0, and clients refuse them. */
const kubernetesFlags = [
  `-X k8s.io/component-base/version.gitVersion=v${KUBERNETES}`,
  "-X k8s.io/component-base/version.gitMajor=1",
  "-X k8s.io/component-base/version.gitMinor=34",
].join(" ");

/** One minor for all of Kubernetes: no skew between found and built parts to think about. */
const kubernetes = (name: string, cpuSeconds: number, versionArgs: readonly string[] = ["--version"]) =>
  ({
    version: KUBERNETES,
    from: "1.34.0",
    below: "1.35.0",
    versionArgs,
    folder: "kubernetes",
    package: `k8s.io/kubernetes/cmd/${name}`,
    ldflags: kubernetesFlags,
    cpuSeconds,
  }) satisfies ToolRecipe;

/** kwokctl passes flags to kwok, so both are of one minor. */
const kwok = (name: string, cpuSeconds: number) =>
  ({
    version: "0.8.0",
    from: "0.8.0",
    below: "0.9.0",
    versionArgs: ["--version"],
    folder: "kwok",
    package: `sigs.k8s.io/kwok/cmd/${name}`,
    cpuSeconds,
  }) satisfies ToolRecipe;

/** In the order in which they are built: the cluster first, which starts while the rest is still being compiled. */
export const catalog = {
  etcd: {
    version: "3.7.3",
    from: "3.5.0",
    below: "4.0.0",
    versionArgs: ["--version"],
    folder: "etcd",
    package: "go.etcd.io/etcd/server/v3",
    cpuSeconds: 66,
  },
  "kube-apiserver": kubernetes("kube-apiserver", 455),
  "kube-controller-manager": kubernetes("kube-controller-manager", 125),
  "kube-scheduler": kubernetes("kube-scheduler", 8),
  kwok: kwok("kwok", 188),
  kwokctl: kwok("kwokctl", 23),
  pulumi: {
    version: PULUMI,
    from: "3.220.0",
    below: "4.0.0",
    versionArgs: ["version"],
    folder: "pulumi",
    package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    ldflags: `-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v${PULUMI}`,
    cpuSeconds: 506,
  },
  vault: {
    version: "1.17.6",
    from: "1.13.0",
    below: "3.0.0",
    versionArgs: ["version"],
    folder: "vault",
    package: ".",
    cpuSeconds: 140,
  },
  "external-secrets": {
    version: "0.19.2",
    from: "0.16.0",
    below: "3.0.0",
    folder: "external-secrets",
    package: "github.com/external-secrets/external-secrets",
    overlaid: "github.com/external-secrets/external-secrets",
    cpuSeconds: 165,
  },

  // For the end-to-end tests of modules.
  registry: {
    version: REGISTRY,
    from: "3.0.0",
    below: "4.0.0",
    versionArgs: ["--version"],
    folder: "registry",
    package: ".",
    ldflags: `-X github.com/distribution/distribution/v3/version.version=v${REGISTRY}`,
    cpuSeconds: 79,
  },

  // For the tests of the kind substrate on a machine without an image registry; nobody else builds them.
  kubelet: kubernetes("kubelet", 120),
  kubeadm: kubernetes("kubeadm", 37),
  "kube-proxy": kubernetes("kube-proxy", 16),
  kubectl: kubernetes("kubectl", 40, ["version", "--client"]),
  coredns: {
    version: "1.14.6",
    from: "1.11.0",
    below: "2.0.0",
    versionArgs: ["-version"],
    folder: "coredns",
    package: "github.com/coredns/coredns",
    cpuSeconds: 248,
  },
  kind: {
    version: "0.33.0",
    from: "0.27.0",
    below: "1.0.0",
    versionArgs: ["version"],
    folder: "kind",
    package: "sigs.k8s.io/kind",
    cpuSeconds: 30,
  },
  helm: {
    version: "3.22.0",
    from: "3.14.0",
    below: "4.0.0",
    versionArgs: ["version"],
    folder: "helm",
    package: "helm.sh/helm/v3/cmd/helm",
    ldflags: "-X helm.sh/helm/v3/internal/version.version=v3.22.0",
    cpuSeconds: 150,
  },
} as const satisfies Record<string, ToolRecipe>;

export type ToolName = keyof typeof catalog;

/** What `npm start` needs on the embedded substrate besides Pulumi. */
export const clusterTools = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kwok",
  "kwokctl",
] as const satisfies readonly ToolName[];

/** The services beside the cluster. */
export const serviceTools = ["vault", "external-secrets"] as const satisfies readonly ToolName[];

/** Everything for the embedded substrate, in the order of need. */
export const embeddedTools = [...clusterTools, "pulumi", ...serviceTools] as const satisfies readonly ToolName[];

/** What the end-to-end tests need beyond that. */
export const testTools = ["registry"] as const satisfies readonly ToolName[];

/** What the kind tests need on a machine without an image registry: the node image's parts, kind and helm. */
export const kindTools = [
  "kubelet",
  "kubeadm",
  "kube-proxy",
  "kubectl",
  "coredns",
  "kind",
  "helm",
] as const satisfies readonly ToolName[];

/** The recipe of a tool, seen as the wide type. */
export const recipeOf = (name: ToolName): ToolRecipe => catalog[name];
