/**
 * Writes external-secrets.yaml: the CRDs of External Secrets that the local substrate applies, taken from the Go module
 * that local/tools/external-secrets pins. In a cluster the Helm chart brings its own.
 *
 *   node infra/crds/generate.ts           writes the file
 *   node infra/crds/generate.ts --check   fails if it would change
 *
 * Left out: the CRDs whose reconcilers the local substrate switches off, versions that are not served, providers that
 * are not built into its External Secrets (all but Vault), and descriptions, which are three quarters of the text.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseAllDocuments, stringify } from "yaml";
import { root } from "../paths.ts";

const MODULE = "github.com/external-secrets/external-secrets";
const WANTED = [
  "externalsecrets.external-secrets.io",
  "secretstores.external-secrets.io",
  "generatorstates.generators.external-secrets.io",
];
const target = fileURLToPath(new URL("external-secrets.yaml", import.meta.url));

interface Crd {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  spec: { versions: { served: boolean }[] };
}

/** The schema with Vault as the only provider of a store. A schema without providers stays as it is. */
export function withVaultOnly(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withVaultOnly);
  if (!(value instanceof Object)) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, withVaultOnly(inner)] as const);
  const properties = value as Record<string, unknown>;
  if (!("vault" in properties && "aws" in properties)) return Object.fromEntries(entries);
  return Object.fromEntries(entries.filter(([key]) => key === "vault"));
}

/** The schema without its descriptions. A property that is named `description` stays. */
export function withoutDescriptions(value: unknown, isMapOfProperties = false): unknown {
  if (Array.isArray(value)) return value.map(item => withoutDescriptions(item));
  if (!(value instanceof Object)) return value;
  const kept = Object.entries(value).filter(([key]) => isMapOfProperties || key !== "description");
  return Object.fromEntries(
    kept.map(([key, inner]) => [key, withoutDescriptions(inner, !isMapOfProperties && key === "properties")]),
  );
}

function generate(): string {
  const cwd = `${root}/local/tools/external-secrets`;
  const module = execFileSync("go", ["mod", "download", "-json", MODULE], { cwd, encoding: "utf8" });
  const { Version: version, Dir: folder } = JSON.parse(module) as { Version: string; Dir: string };
  const crds = parseAllDocuments(readFileSync(`${folder}/deploy/crds/bundle.yaml`, "utf8"))
    .map(document => document.toJS() as Crd)
    .filter(crd => WANTED.includes(crd.metadata.name))
    .map(({ apiVersion, kind, metadata, spec }) => ({
      apiVersion,
      kind,
      metadata: { name: metadata.name },
      spec: withVaultOnly(withoutDescriptions({ ...spec, versions: spec.versions.filter(one => one.served) })),
    }));
  const head = `# Written by infra/crds/generate.ts from ${MODULE} ${version}; do not edit.
# Copyright the External Secrets authors, Apache License 2.0. Changed: descriptions, unused CRDs and providers left out.
`;
  return head + crds.map(crd => stringify(crd, { lineWidth: 0, aliasDuplicateObjects: false })).join("---\n");
}

if (import.meta.main) {
  const text = generate();
  if (!process.argv.includes("--check")) writeFileSync(target, text);
  else if (readFileSync(target, "utf8") !== text) {
    process.stderr.write(
      "infra/crds/external-secrets.yaml is not what infra/crds/generate.ts makes; run it without --check\n",
    );
    process.exitCode = 1;
  }
}
