/** The controller's image: its tag is the hash of what goes into it, so a changed line of code is a changed image. */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../paths.ts";
import { sourceHash } from "../sources.ts";
import { errors } from "./errors.ts";
import { run } from "./run.ts";

/** The files and folders of the repository that make the image, tests left out. */
const sources = ["controller", "lib", "scripts/bundle-controller.ts", "infra/kind/Dockerfile", "package-lock.json"];

/** `dynamic-mode-controller:<hash>` of the sources as they are and of the base image's name. */
export const imageReference = (baseImage: string): string =>
  `dynamic-mode-controller:${sourceHash(sources, baseImage)}`;

/** Bundles the controller and builds its image. */
export async function build(image: string, baseImage: string): Promise<void> {
  const context = await mkdtemp(join(tmpdir(), "dynamic-mode-image-"));
  try {
    const bundled = await run(process.execPath, [join(root, "scripts", "bundle-controller.ts"), context]);
    if (!bundled.ok) throw errors.KIND_BUILD_FAILED({ image, said: bundled.said });
    await cp(join(root, "infra", "kind", "Dockerfile"), join(context, "Dockerfile"));
    // The attestation that BuildKit adds makes an image of several manifests, which `kind load` does not take.
    const env = { BUILDX_NO_DEFAULT_ATTESTATIONS: "1" };
    const outcome = await run("docker", ["build", "--tag", image, "--build-arg", `BASE=${baseImage}`, context], {
      env,
    });
    if (!outcome.ok) throw errors.KIND_BUILD_FAILED({ image, said: outcome.said });
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

/**
 * Copies images of this machine's Docker into the cluster's node.
 *
 * `kind load docker-image` fails on Docker's newer image store when only one platform of an image is there
 * (kubernetes-sigs/kind#3795); an archive of that one platform passes.
 */
export async function load(images: readonly string[], name: string): Promise<void> {
  const direct = await run("kind", ["load", "docker-image", ...images, "--name", name]);
  if (direct.ok) return;
  const folder = await mkdtemp(join(tmpdir(), "dynamic-mode-image-"));
  try {
    const archive = join(folder, "image.tar");
    const platform = await run("docker", ["version", "--format", "{{.Server.Os}}/{{.Server.Arch}}"], { quiet: true });
    const saved = await run("docker", ["save", "--platform", platform.stdout.trim(), "--output", archive, ...images]);
    if (!saved.ok) throw errors.KIND_LOAD_FAILED({ images, name, said: `${direct.said}\n${saved.said}` });
    const loaded = await run("kind", ["load", "image-archive", archive, "--name", name]);
    if (!loaded.ok) throw errors.KIND_LOAD_FAILED({ images, name, said: `${direct.said}\n${loaded.said}` });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
