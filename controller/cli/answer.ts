/** What a command found: for machines, and for people. */

import { yamlOf } from "./yaml.ts";

export interface Answer {
  readonly data: unknown;
  readonly text: string;
  /** 0 when absent. */
  readonly exitCode?: number;
}

export const formats = ["json", "yaml"] as const;
export type Format = (typeof formats)[number];

/** @param format undefined: for people */
export function printed({ data, text }: Answer, format: Format | undefined): string {
  if (format === "json") return `${JSON.stringify(data, undefined, 2)}\n`;
  if (format === "yaml") return yamlOf(data);
  return text === "" ? "" : `${text}\n`;
}
