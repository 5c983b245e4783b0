/**
 * The demo: a Backend is a Deployment whose pods get one value of a secret in Vault, and roll when that value changes.
 *
 * External Secrets copies the value from Vault into the Secret; this flight looks the Secret up, so each change of it
 * runs the flight again, and the new hash in the pod template rolls the Deployment. The value stays in the Secret.
 */
import * as z from "zod";
import { Deployment, defineFlight, hash, lookup, type Resource, resource, Secret } from "../sdk/index.ts";

export const Spec = z.object({
  image: z.string().min(1).default("nginx:latest").describe("Container image of the pods."),
  replicas: z.int().min(0).default(2).describe("Number of pods."),
  secret: z
    .object({
      path: z.string().min(1).default("demo").describe("Path of the secret in Vault's key-value store."),
      key: z.string().min(1).default("hello").describe("Key of the value at that path."),
      env: z.string().min(1).default("DEMO").describe("Environment variable of the pods that gets the value."),
    })
    .prefault({})
    .describe("Where the value comes from and where it goes."),
  refreshInterval: z
    .string()
    .regex(/^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$/)
    .default("5s")
    .describe("How often Vault is asked for the value."),
});

export const backend = defineFlight({
  group: "examples.com",
  kind: "Backend",
  description: "A Deployment that rolls when its secret changes.",
  spec: Spec,
  printerColumns: [
    { name: "Image", type: "string", jsonPath: ".spec.image" },
    { name: "Replicas", type: "integer", jsonPath: ".spec.replicas" },
    { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],

  render({ name, namespace, spec }) {
    const secret = lookup(Secret, name);
    return [
      // External Secrets fills this Secret and watches those with this label. To render it makes it part of the release.
      Secret({
        metadata: { name, namespace, labels: { "reconcile.external-secrets.io/managed": "true" } },
        type: secret?.type,
        data: secret?.data ?? {},
      }),
      externalSecret({ name, namespace, spec, creationPolicy: "Merge" }),
      deployment({ name, namespace, spec, secret }),
    ];
  },
});

/** @alias for buildFlight, which takes the default export */
export default backend;

interface Parts {
  readonly name: string;
  readonly namespace: string;
  readonly spec: z.output<typeof Spec>;
}

/** Until the value is there the Deployment is paused: no pod starts without it, and a running pod is left alone. */
export function deployment({ name, namespace, spec, secret }: Parts & { readonly secret: Secret | undefined }) {
  const { key, env } = spec.secret;
  const hasValue = secret?.data?.[key] !== undefined;
  const labels = { app: name };
  return Deployment({
    metadata: { name, namespace, labels },
    spec: {
      replicas: spec.replicas,
      paused: !hasValue,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels: { ...labels, "secret-hash": hasValue ? hash(secret.data) : undefined } },
        spec: {
          containers: [
            { name: "backend", image: spec.image, env: [{ name: env, valueFrom: { secretKeyRef: { name, key } } }] },
          ],
        },
      },
    },
  });
}

interface ExternalSecret extends Resource {
  readonly spec: Readonly<Record<string, unknown>>;
}
const ExternalSecret = resource<ExternalSecret>("external-secrets.io/v1", "ExternalSecret");

/** Copies the value from Vault into the Secret of the same name: an existing one (Merge), or one of its own (Owner). */
export function externalSecret(parts: Parts & { readonly creationPolicy: "Merge" | "Owner" }) {
  const { name, namespace, spec, creationPolicy } = parts;
  const { path, key } = spec.secret;
  return ExternalSecret({
    metadata: { name, namespace },
    spec: {
      refreshInterval: spec.refreshInterval,
      secretStoreRef: { kind: "SecretStore", name: "vault-backend" },
      target: { name, creationPolicy },
      data: [{ secretKey: key, remoteRef: { key: path, property: key } }],
    },
  });
}
