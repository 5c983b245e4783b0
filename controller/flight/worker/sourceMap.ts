/** Stack traces of a bundle in terms of its sources, where it brings a source map. */
import { SourceMap, type SourceMapPayload } from "node:module";

const map = "\\n//# sourceMappingURL=data:application/json;base64,([A-Za-z0-9+/=]+)\\s*";
/** A signed module ends with its signature (controller/modules/signature.ts). */
const signature = "(?://# yoke\\.schematics:signature=.*\\s*)?";
const comment = new RegExp(`${map}${signature}$`);

/** The code without the map that its last line holds, and the map as text. */
export function splitSourceMap(code: string): { readonly code: string; readonly map: string | undefined } {
  const found = comment.exec(code);
  if (!found) return { code, map: undefined };
  return { code: code.slice(0, found.index), map: Buffer.from(found[1] ?? "", "base64").toString() };
}

/** Puts `file.ts:12` in the place of `flight.js:1:3456`. A map that is broken changes nothing. */
export function mapStack(stack: string, file: string, map: string | undefined): string {
  if (map === undefined) return stack;
  try {
    const sources = new SourceMap(JSON.parse(map) as SourceMapPayload);
    const place = new RegExp(`${file.replaceAll(".", "\\.")}:(\\d+):(\\d+)`, "g");
    return stack.replace(place, (found, line: string, column: string) => {
      const entry = sources.findEntry(Number(line) - 1, Number(column) - 1);
      const mapped = "originalSource" in entry && typeof entry.originalSource === "string";
      return mapped ? `${entry.originalSource}:${entry.originalLine + 1}` : found;
    });
  } catch {
    return stack;
  }
}
