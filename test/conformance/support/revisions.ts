/**
 * Reads a release's history as yoke's own tools do: Secrets found by label, a gzipped array of stages in each. Written
 * from the format's description and not with the product's code, so that it tells whether others could read it, too.
 */
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import type { KubeObject } from "../../../controller/kube/object.ts";
import type { Stage } from "./stage.ts";

export interface Revision {
  readonly url: string | undefined;
  readonly checksum: string | undefined;
  readonly stages: readonly (readonly KubeObject[])[];
}

/** Of a release, the newest first. */
export async function revisionsOf(stage: Stage, release: string, namespace: string): Promise<Revision[]> {
  const label = createHash("sha1").update(release).digest("hex");
  const selector = `internal.yoke/kind=revision,internal.yoke/release=${label}`;
  const secrets = await stage.list("v1", "Secret", selector, namespace);
  const annotation = (secret: KubeObject, name: string) => secret.metadata.annotations?.[`internal.yoke/${name}`];
  const createdAt = (secret: KubeObject) => Date.parse(annotation(secret, "created-at") ?? "");
  return secrets
    .sort((left, right) => createdAt(right) - createdAt(left))
    .map(secret => {
      const { resources } = secret["data"] as { resources: string };
      const text = gunzipSync(Buffer.from(resources, "base64")).toString();
      return {
        url: annotation(secret, "source-url"),
        checksum: annotation(secret, "source-checksum"),
        stages: JSON.parse(text) as KubeObject[][],
      };
    });
}
