import { stringify } from "yaml";

/** As kubectl reads it: YAML 1.1, so that texts like `yes` and `0644` are quoted. */
export function yamlOf(value: unknown): string {
  return stringify(value, { version: "1.1", lineWidth: 0, aliasDuplicateObjects: false });
}
