/** A module as an OCI artifact: which manifest, and which layer of it. The formats are yoke's; JavaScript is ours. */
import { z } from "zod";
import { moduleErrors } from "./errors.ts";
import { isDigest, type Registry } from "./registry.ts";
import { maxModuleBytes, maxModuleMib } from "./unpack.ts";
import type { OciUrl } from "./url.ts";

export const configType = "application/vnd.yoke.config.v1+json";
/** Both are gzip. */
export const layerTypes = ["application/vnd.yoke.wasm.gzip", "application/vnd.dynamic-mode.javascript.gzip"];

/** Manifests of an index that are looked into. */
const mostManifests = 8;

const descriptor = z.looseObject({ mediaType: z.string(), digest: z.string(), size: z.number() });
const manifestShape = z.looseObject({
  artifactType: z.string().optional(),
  config: z.looseObject({ mediaType: z.string() }).optional(),
  layers: z.array(descriptor).optional(),
  manifests: z.array(descriptor).optional(),
});
type Manifest = z.infer<typeof manifestShape>;

export interface PulledModule {
  /** As stored: gzip. */
  readonly content: Buffer;
  /** Of the manifest that the tag or digest names. */
  readonly digest: string;
}

/** @throws MODULE_ARTIFACT and what a registry throws */
export async function pullModule(registry: Registry, url: OciUrl, shown: string): Promise<PulledModule> {
  const { digest, manifest } = await registry.manifest(url.digest ?? url.tag);
  const layer = await findLayer(registry, parse(manifest, shown), shown);
  if (layer.size > maxModuleBytes) throw moduleErrors.MODULE_TOO_LARGE({ url: shown, limitMib: maxModuleMib });
  return { content: await registry.blob(layer.digest, maxModuleBytes), digest };
}

function parse(manifest: unknown, shown: string): Manifest {
  const parsed = manifestShape.safeParse(manifest);
  if (parsed.success) return parsed.data;
  const at = parsed.error.issues[0]?.path.join(".") ?? "";
  throw moduleErrors.MODULE_ARTIFACT({ url: shown, why: `its manifest is broken at "${at}"` });
}

async function findLayer(registry: Registry, manifest: Manifest, shown: string) {
  if (manifest.manifests === undefined) return layerOf(manifest, shown);
  const problems: Error[] = [];
  for (const entry of manifest.manifests.slice(0, mostManifests)) {
    if (!isDigest(entry.digest)) {
      problems.push(
        moduleErrors.MODULE_ARTIFACT({ url: shown, why: "its index names a manifest without a sha256 digest" }),
      );
      continue;
    }
    const { manifest: listed } = await registry.manifest(entry.digest);
    try {
      return layerOf(parse(listed, shown), shown);
    } catch (error) {
      problems.push(error as Error);
    }
  }
  throw problems[0] ?? moduleErrors.MODULE_ARTIFACT({ url: shown, why: "its index is empty" });
}

function layerOf({ artifactType, config, layers = [] }: Manifest, shown: string) {
  if (config?.mediaType !== configType && artifactType !== configType) {
    const why = `its config has media type ${config?.mediaType ?? "(none)"}, not ${configType}`;
    throw moduleErrors.MODULE_ARTIFACT({ url: shown, why });
  }
  const layer = layers.find(({ mediaType }) => layerTypes.includes(mediaType));
  if (layer !== undefined) return layer;
  throw moduleErrors.MODULE_ARTIFACT({ url: shown, why: `it has no layer of type ${layerTypes.join(" or ")}` });
}
