/** The flight of the chaos runs, and what it must have rendered: the checker knows by itself, without the controller. */

export interface Spec {
  /** Counts the writes of the spec. */
  readonly seq: number;
  /** Name of the Secret that is looked up. Its `n` counts its writes. */
  readonly secret: string;
  /** One ConfigMap each. */
  readonly parts: readonly string[];
  /** Whether there is a Deployment. */
  readonly deploy: boolean;
  /** Whether the looked-up Secret is rendered, too, as the demo's flight does. */
  readonly emit: boolean;
}

/** What children say of what they were rendered from. `secret`: base64, as it is in the Secret; "absent" without one. */
export interface Marks {
  readonly spec: string;
  readonly secret: string;
}

export const absent = "absent";
/** On children; a foreign edit changes it, a render never writes it. */
export const markSpec = "chaos/spec";
export const markSecret = "chaos/secret";

export function marksOf(spec: Spec, secretData: Readonly<Record<string, string>> | undefined): Marks {
  return { spec: String(spec.seq), secret: secretData?.["n"] ?? absent };
}

export const flight = `
export default ({ stdin, lookup }) => {
  const { metadata: { name, namespace }, spec } = JSON.parse(stdin);
  const answer = lookup({ apiVersion: "v1", kind: "Secret", namespace, name: spec.secret });
  if (answer.state !== "ok" && answer.state !== "not-found") throw new Error(answer.message);
  const data = answer.object?.data;
  const marks = { spec: String(spec.seq), secret: data?.n ?? "absent" };
  const annotations = { "chaos/spec": marks.spec, "chaos/secret": marks.secret };
  const labels = { "chaos/instance": name };
  const objects = spec.parts.map(part => ({
    apiVersion: "v1", kind: "ConfigMap", metadata: { name: name + "-" + part, labels }, data: marks,
  }));
  if (spec.deploy) objects.push({
    apiVersion: "apps/v1", kind: "Deployment", metadata: { name, labels },
    spec: {
      replicas: 0, selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name }, annotations }, spec: { containers: [{ name: "main", image: "nginx" }] } },
    },
  });
  if (spec.emit) objects.push({ apiVersion: "v1", kind: "Secret", metadata: { name: spec.secret }, data: data ?? {} });
  return JSON.stringify(objects);
};`;
