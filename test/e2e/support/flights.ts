/** Small flights as their bundles look when they are built. */

/** What the flights put on a Deployment instead of a Secret's value; runs in the flight and in the tests. */
export function hashOf(data: Readonly<Record<string, string>>): string {
  let hash = 7;
  for (const letter of JSON.stringify(Object.entries(data).sort())) hash = (hash * 31 + letter.charCodeAt(0)) | 0;
  return `h${hash}`;
}

/** Returns `spec.stages` of the instance: the test says what is rendered. */
export const echo = "export default ({ stdin }) => JSON.stringify(JSON.parse(stdin).spec.stages ?? []);";

/**
 * The demo's shape: looks up Secret `spec.secret` (or the instance's name) and renders a Deployment with its hash, and
 * where `spec.emitSecret` is set that Secret too. `spec.label` labels the Deployment; `spec.slow` keeps it busy first.
 */
export const backend = `
const hashOf = ${hashOf};
export default ({ stdin, lookup }) => {
  const { metadata: { name, namespace }, spec } = JSON.parse(stdin);
  const secret = spec.secret ?? name;
  const answer = lookup({ apiVersion: "v1", kind: "Secret", namespace, name: secret });
  if (answer.state !== "ok" && answer.state !== "not-found") throw new Error(answer.message);
  const data = answer.object?.data ?? {};
  for (let left = spec.slow ?? 0; left > 0; left--);
  const template = {
    metadata: { labels: { app: name }, annotations: { "e2e/hash": hashOf(data) } },
    spec: { containers: [{ name: "main", image: "nginx" }] },
  };
  return JSON.stringify([
    ...(spec.emitSecret ? [{ apiVersion: "v1", kind: "Secret", metadata: { name: secret, namespace }, data }] : []),
    {
      apiVersion: "apps/v1", kind: "Deployment", metadata: { name, labels: { color: spec.label ?? "none" } },
      spec: { replicas: spec.replicas ?? 1, selector: { matchLabels: { app: name } }, template },
    },
  ]);
};`;
