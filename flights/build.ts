/** From the source of a flight to the module that the controller runs, and the CRD that its Airway makes. */
import { createHash } from "node:crypto";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type BuildFailure, build } from "esbuild";
import { CodedError } from "../lib/errors.ts";
import { type CrdSpec, toCrd } from "./sdk/crd.ts";
import { errors } from "./sdk/errors.ts";
import type { Flight } from "./sdk/flight.ts";
import { asComment, ownLines, type SourceMap } from "./sourceMap.ts";

export interface BuiltFlight {
  /** One ES module without imports, with a source map of the flight's own files as its last line. The same sources give the same bytes, on any machine and in any folder. */
  readonly code: string;
  /** Of `code`, hex. */
  readonly sha256: string;
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
  const flight = await load(entry);
  const crd = toCrd(flight);
  const code = await bundle(entry);
  const bytes = Buffer.byteLength(code);
  if (bytes > maxBytes) throw errors.FLIGHT_BUNDLE_TOO_LARGE({ entry, bytes, limit: maxBytes });
  return { code, sha256: createHash("sha256").update(code).digest("hex"), crd };
}

async function load(entry: string): Promise<Flight> {
  try {
    const { default: flight } = (await import(pathToFileURL(resolve(entry)).href)) as { default?: Flight };
    if (typeof flight?.render === "function" && flight.spec !== undefined) return flight;
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
          import { program } from ${JSON.stringify(join(sdk, "run.ts"))};
          export default program(flight);`,
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
