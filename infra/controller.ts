/** The Air Traffic Controller in the cluster: a Deployment, and rights for what it does and nothing more. */
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { Component } from "./component.ts";
import type { RunningController } from "./substrate/substrate.ts";

export interface ControllerArgs {
  readonly image: pulumi.Input<string>;
  /** The controller's own namespace, which also holds flights. */
  readonly namespace: pulumi.Input<string>;
  /** The kinds that Airways define, as `plural.group`: instances of every namespace are served. */
  readonly served: readonly { readonly group: string; readonly plural: string }[];
  /** The namespaces in which flights may render Deployments, Secrets and ExternalSecrets. */
  readonly workNamespaces: readonly string[];
}

type Rule = kubernetes.types.input.rbac.v1.PolicyRule;

/** Where the controller serves metrics and health. */
const PORT = 9464;
const LABELS = { "app.kubernetes.io/name": "atc" };
const watch = ["get", "list", "watch"];
const write = ["create", "patch", "update", "delete"];

const crds = { apiGroups: ["apiextensions.k8s.io"], resources: ["customresourcedefinitions"] };

/** The controller's own kinds. */
const ownKinds = ["airways", "flights", "clusterflights"];

/** Their CRDs, and those that Airways define. */
const crdNames = (served: ControllerArgs["served"]): string[] => [
  ...ownKinds.map(plural => `${plural}.yoke.cd`),
  ...served.map(({ group, plural }) => `${plural}.${group}`),
];

/** In all namespaces: Airways, Flights, the CRDs they make, and the instances of the kinds they define. */
const clusterRules = (served: ControllerArgs["served"]): Rule[] => [
  { apiGroups: ["yoke.cd"], resources: ownKinds, verbs: [...watch, "patch", "update"] },
  {
    apiGroups: ["yoke.cd"],
    resources: ownKinds.flatMap(plural => [`${plural}/status`, `${plural}/finalizers`]),
    verbs: ["patch", "update"],
  },
  // RBAC cannot bind a list, a watch or a creation to names.
  { ...crds, verbs: [...watch, "create"] },
  { ...crds, resourceNames: crdNames(served), verbs: ["patch", "update", "delete"] },
  ...served.flatMap(({ group, plural }): Rule[] => [
    { apiGroups: [group], resources: [plural], verbs: [...watch, "patch", "update"] },
    { apiGroups: [group], resources: [`${plural}/status`, `${plural}/finalizers`], verbs: ["patch", "update"] },
  ]),
];

/** Where instances live: what the demo's flight renders and looks up, and the Events that tell why. */
const workRules: Rule[] = [
  { apiGroups: ["apps"], resources: ["deployments"], verbs: [...watch, ...write] },
  { apiGroups: [""], resources: ["secrets"], verbs: [...watch, ...write] },
  { apiGroups: ["external-secrets.io"], resources: ["externalsecrets"], verbs: [...watch, ...write] },
  { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
];

/** Where the controller lives: flights to read. */
const ownRules: Rule[] = [{ apiGroups: [""], resources: ["configmaps"], verbs: watch }];

export class Controller extends Component implements RunningController {
  readonly address: pulumi.Output<string>;
  readonly namespace: pulumi.Output<string>;
  readonly ready: pulumi.Resource;

  constructor(name: string, args: ControllerArgs, options: pulumi.ComponentResourceOptions) {
    super("Controller", name, options);
    const { namespace } = args;
    const account = new kubernetes.core.v1.ServiceAccount(name, { metadata: { name, namespace } }, this.child);
    const rights = this.grant(name, args, account);
    this.ready = new kubernetes.apps.v1.Deployment(
      name,
      { metadata: { name, namespace, labels: LABELS }, spec: deploymentSpec(args.image, account.metadata.name) },
      { ...this.child, dependsOn: rights },
    );
    const service = new kubernetes.core.v1.Service(
      name,
      {
        metadata: { name, namespace, labels: LABELS },
        spec: { selector: LABELS, ports: [{ name: "http", port: 80, targetPort: "http" }] },
      },
      { ...this.child, dependsOn: [this.ready] },
    );
    this.namespace = pulumi.output(namespace);
    this.address = pulumi.interpolate`http://${service.metadata.name}.${service.metadata.namespace}.svc`;
    this.registerOutputs({ address: this.address });
  }

  /** One ClusterRole, and a Role in each namespace; bound to the account. */
  private grant(name: string, args: ControllerArgs, account: kubernetes.core.v1.ServiceAccount): pulumi.Resource[] {
    const subjects = [{ kind: "ServiceAccount", name: account.metadata.name, namespace: account.metadata.namespace }];
    const { rbac } = kubernetes;
    const clusterRole = new rbac.v1.ClusterRole(
      name,
      { metadata: { name }, rules: clusterRules(args.served) },
      this.child,
    );
    const clusterBinding = new rbac.v1.ClusterRoleBinding(
      name,
      {
        metadata: { name },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: clusterRole.metadata.name },
        subjects,
      },
      this.child,
    );
    const bindRole = (id: string, namespace: pulumi.Input<string>, rules: Rule[]): pulumi.Resource => {
      const role = new rbac.v1.Role(id, { metadata: { name: id, namespace }, rules }, this.child);
      const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: role.metadata.name };
      return new rbac.v1.RoleBinding(id, { metadata: { name: id, namespace }, roleRef, subjects }, this.child);
    };
    return [
      clusterBinding,
      bindRole(`${name}-flights`, args.namespace, ownRules),
      ...args.workNamespaces.map(namespace => bindRole(`${name}-${namespace}`, namespace, workRules)),
    ];
  }
}

function deploymentSpec(
  image: pulumi.Input<string>,
  serviceAccountName: pulumi.Input<string>,
): kubernetes.types.input.apps.v1.DeploymentSpec {
  return {
    replicas: 1,
    // Two controllers at once would render everything twice.
    strategy: { type: "Recreate" },
    selector: { matchLabels: LABELS },
    template: {
      metadata: { labels: LABELS },
      spec: {
        serviceAccountName,
        securityContext: {
          runAsNonRoot: true,
          runAsUser: 65532,
          runAsGroup: 65532,
          seccompProfile: { type: "RuntimeDefault" },
        },
        containers: [
          {
            name: "atc",
            image,
            imagePullPolicy: "IfNotPresent",
            env: [{ name: "METRICS_ADDRESS", value: `:${PORT}` }],
            ports: [{ name: "http", containerPort: PORT }],
            readinessProbe: { httpGet: { path: "/readyz", port: "http" }, periodSeconds: 2 },
            livenessProbe: { httpGet: { path: "/healthz", port: "http" }, periodSeconds: 10, failureThreshold: 6 },
            resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "512Mi" } },
            securityContext: {
              allowPrivilegeEscalation: false,
              readOnlyRootFilesystem: true,
              capabilities: { drop: ["ALL"] },
            },
          },
        ],
      },
    },
  };
}
