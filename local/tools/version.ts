/** Versions as tools print them. */

type Version = readonly [number, number, number];

/** The first `1.2.3` in a text, with or without `v` before it and anything behind it. */
export function parseVersion(text: string): Version | undefined {
  const match = /(?<![\d.])v?(\d+)\.(\d+)\.(\d+)/.exec(text);
  return match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3])];
}

export function compareVersions(left: Version, right: Version): number {
  return left[0] - right[0] || left[1] - right[1] || left[2] - right[2];
}

/** Whether `from <= version < below`. A text without a version is not. */
export function isWithin(text: string, from: string, below: string): boolean {
  const [version, lowest, limit] = [text, from, below].map(parseVersion);
  if (version === undefined || lowest === undefined || limit === undefined) return false;
  return compareVersions(version, lowest) >= 0 && compareVersions(version, limit) < 0;
}

export const formatVersion = (version: Version): string => version.join(".");
