/** The Air Traffic Controller in the cluster: two replicas, of which one leads, and the Service of their webhooks. */
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { Component } from "./component.ts";
import { controllerAccount } from "./controllerAccount.ts";
import type { RunningController, Wanted } from "./substrate/substrate.ts";

export interface ControllerArgs extends Wanted {
  readonly image: pulumi.Input<string>;
  /** The controller's own namespace, which also holds flights. */
  readonly namespace: pulumi.Input<string>;
}

/** Where each replica serves metrics and health. */
const METRICS_PORT = 9464;
const WEBHOOK_PORT = 3000;
const LABELS = { "app.kubernetes.io/name": "atc" };
const CACHE = "/cache";

export class Controller extends Component implements RunningController {
  readonly address: pulumi.Output<string>;
  readonly namespace: pulumi.Output<string>;
  readonly ready: pulumi.Resource;

  constructor(name: string, args: ControllerArgs, options: pulumi.ComponentResourceOptions) {
    super("Controller", name, options);
    const { namespace } = args;
    const account = controllerAccount(name, args, this.child);
    const service = new kubernetes.core.v1.Service(
      name,
      {
        // It is there before its pods: they name it in certificates and webhooks, and it outlives them.
        metadata: { name, namespace, labels: LABELS, annotations: { "pulumi.com/skipAwait": "true" } },
        spec: {
          selector: LABELS,
          ports: [
            { name: "webhooks", port: 443, targetPort: "webhooks" },
            { name: "http", port: 80, targetPort: "http" },
          ],
        },
      },
      this.child,
    );
    this.ready = new kubernetes.apps.v1.Deployment(
      name,
      {
        metadata: { name, namespace, labels: LABELS },
        spec: deploymentSpec(args.image, account.name, service.metadata.name),
      },
      { ...this.child, dependsOn: [...account.rights] },
    );
    new kubernetes.policy.v1.PodDisruptionBudget(
      name,
      { metadata: { name, namespace, labels: LABELS }, spec: { maxUnavailable: 1, selector: { matchLabels: LABELS } } },
      { ...this.child, dependsOn: [this.ready] },
    );
    this.namespace = pulumi.output(namespace);
    this.address = pulumi.interpolate`http://${service.metadata.name}.${service.metadata.namespace}.svc`;
    this.registerOutputs({ address: this.address });
  }
}

const fromField = (fieldPath: string) => ({ valueFrom: { fieldRef: { fieldPath } } });

function deploymentSpec(
  image: pulumi.Input<string>,
  serviceAccountName: pulumi.Input<string>,
  serviceName: pulumi.Input<string>,
): kubernetes.types.input.apps.v1.DeploymentSpec {
  return {
    replicas: 2,
    // The next one stands by, with its flights loaded, before a former one goes.
    strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    selector: { matchLabels: LABELS },
    template: {
      metadata: { labels: LABELS },
      spec: {
        serviceAccountName,
        securityContext: {
          runAsNonRoot: true,
          runAsUser: 65532,
          runAsGroup: 65532,
          fsGroup: 65532,
          seccompProfile: { type: "RuntimeDefault" },
        },
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: "kubernetes.io/hostname",
            whenUnsatisfiable: "ScheduleAnyway",
            labelSelector: { matchLabels: LABELS },
          },
        ],
        containers: [
          {
            name: "atc",
            image,
            imagePullPolicy: "IfNotPresent",
            env: [
              { name: "METRICS_ADDRESS", value: `:${METRICS_PORT}` },
              { name: "PORT", value: String(WEBHOOK_PORT) },
              { name: "SVC_NAME", value: serviceName },
              { name: "SVC_NAMESPACE", ...fromField("metadata.namespace") },
              { name: "LEADER_ID", ...fromField("metadata.name") },
              { name: "CACHE_FS", value: CACHE },
            ],
            ports: [
              { name: "http", containerPort: METRICS_PORT },
              { name: "webhooks", containerPort: WEBHOOK_PORT },
            ],
            readinessProbe: { httpGet: { path: "/readyz", port: "http" }, periodSeconds: 2 },
            livenessProbe: { httpGet: { path: "/healthz", port: "http" }, periodSeconds: 10, failureThreshold: 6 },
            resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "512Mi" } },
            securityContext: {
              allowPrivilegeEscalation: false,
              readOnlyRootFilesystem: true,
              capabilities: { drop: ["ALL"] },
            },
            volumeMounts: [{ name: "cache", mountPath: CACHE }],
          },
        ],
        volumes: [{ name: "cache", emptyDir: { sizeLimit: "1Gi" } }],
      },
    },
  };
}
