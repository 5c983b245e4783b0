import { resolve } from "node:path";
import type { ChartSource } from "./config.ts";
import { root } from "./paths.ts";

/** Where a Release finds its chart. */
export interface ChartLocation {
  readonly chart: string;
  readonly version?: string;
  readonly repositoryOpts?: { readonly repo: string };
}

/** A chart of the configuration as a Release wants it. A path has its version in its Chart.yaml. */
export function chartLocation(source: ChartSource): ChartLocation {
  const { chart, version } = source;
  if (chart.startsWith("oci://")) return { chart, version };
  if (!/^https?:\/\//.test(chart)) return { chart: resolve(root, chart) };
  const slash = chart.lastIndexOf("/");
  return { chart: chart.slice(slash + 1), version, repositoryOpts: { repo: chart.slice(0, slash) } };
}

/** `repository:tag` as charts take it; nothing for an empty text, which leaves the chart's own. */
export function imageValues(image: string): { image?: { repository: string; tag: string } } {
  const colon = image.lastIndexOf(":");
  return colon < 0 ? {} : { image: { repository: image.slice(0, colon), tag: image.slice(colon + 1) } };
}
