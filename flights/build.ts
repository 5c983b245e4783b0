/** From the source of a flight to the module that the controller runs, and the CRD that its Airway makes. */
import { createHash } from "node:crypto";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type BuildFailure, build } from "esbuild";
import { CodedError } from "../lib/errors.ts";
import { type CrdSpec, toCrd } from "./sdk/crd.ts";
import { errors } from "./sdk/errors.ts";
import type { Module } from "./sdk/run.ts";
import { asComment, ownLines, type SourceMap } from "./sourceMap.ts";

/** A program or a converter, ready for the controller. */
export interface BuiltModule {
  /** One ES module without imports, with a source map of the flight's own files as its last line. The same sources give the same bytes, on any machine and in any folder. */
  readonly code: string;
  /** Of `code`, hex. */
  readonly sha256: string;
}

export interface BuiltFlight extends BuiltModule {
  readonly crd: CrdSpec;
}

/** What joins the flight to the sandbox; made up here. */
const entryName = "flight-entry.js";

/** A ConfigMap holds 1 MiB. */
const maxBytes = 900_000;

/**
 * @param entry a file whose default export is what `defineFlight` returns
 * @throws FLIGHT_BUILD_FAILED, FLIGHT_SCHEMA_UNSUPPORTED, FLIGHT_BUNDLE_TOO_LARGE
 */
export async function buildFlight(entry: string): Promise<BuiltFlight> {
  const module = await load(entry);
  if (module.type !== "flight") throw errors.FLIGHT_BUILD_FAILED({ entry, why: `it is a ${module.type}, no flight` });
  const crd = toCrd(module);
  return { ...(await built(entry)), crd };
}

/**
 * @param entry a file whose default export is what `defineProgram`, `defineConverter` or `defineFlight` returns
 * @throws as `buildFlight`
 */
export async function buildModule(entry: string): Promise<BuiltModule> {
  await load(entry);
  return built(entry);
}

async function built(entry: string): Promise<BuiltModule> {
  const code = await bundle(entry);
  const bytes = Buffer.byteLength(code);
  if (bytes > maxBytes) throw errors.FLIGHT_BUNDLE_TOO_LARGE({ entry, bytes, limit: maxBytes });
  return { code, sha256: createHash("sha256").update(code).digest("hex") };
}

async function load(entry: string): Promise<Module> {
  try {
    const { default: module } = (await import(pathToFileURL(resolve(entry)).href)) as { default?: Module };
    if (["flight", "program", "converter"].includes(module?.type ?? "")) return module as Module;
  } catch (cause) {
    if (cause instanceof CodedError) throw cause;
    throw errors.FLIGHT_BUILD_FAILED({ entry, why: cause instanceof Error ? cause.message : String(cause) }, cause);
  }
  throw errors.FLIGHT_BUILD_FAILED({ entry, why: "its default export is not a flight" });
}

async function bundle(entry: string): Promise<string> {
  const sdk = fileURLToPath(new URL("./sdk/", import.meta.url));
  const folder = dirname(resolve(entry));
  try {
    const { outputFiles } = await build({
      stdin: {
        contents: `import flight from "./${basename(entry)}";
          import { entryOf } from ${JSON.stringify(join(sdk, "run.ts"))};
          export default entryOf(flight);`,
        resolveDir: folder,
        sourcefile: entryName,
      },
      absWorkingDir: folder,
      outfile: join(folder, "flight.js"),
      bundle: true,
      write: false,
      format: "esm",
      platform: "neutral",
      mainFields: ["module", "main"],
      target: "es2023",
      minify: true,
      legalComments: "none",
      sourcemap: "external",
      sourcesContent: false,
      // Nothing from the folders around it: the same sources are the same bundle.
      tsconfigRaw: {},
      logLevel: "silent",
    });
    const [map, code] = ["flight.js.map", "flight.js"].map(name =>
      outputFiles.find(file => basename(file.path) === name),
    );
    if (!map || !code) throw new Error("esbuild gave no output");
    const isOwn = (source: string) =>
      source !== entryName && !source.includes("node_modules/") && !resolve(folder, source).startsWith(sdk);
    return code.text + asComment(ownLines(JSON.parse(map.text) as SourceMap, isOwn));
  } catch (cause) {
    const [first] = (cause as Partial<BuildFailure>).errors ?? [];
    const at = first?.location ? `${first.location.file}:${first.location.line}: ` : "";
    throw errors.FLIGHT_BUILD_FAILED({ entry, why: at + (first?.text ?? String(cause)) }, cause);
  }
}
