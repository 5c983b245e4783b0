/** The part of a bundle's source map that an author wants to see in a stack trace: the flight's own files. */
import { decode, encode, type SourceMapSegment } from "@jridgewell/sourcemap-codec";

/** Source map revision 3, without the sources' texts. */
export interface SourceMap {
  readonly version: 3;
  readonly sources: readonly string[];
  readonly names: readonly string[];
  readonly mappings: string;
}

/**
 * Keeps the lines, not the columns, of sources that are `own`: a small part of the map.
 *
 * The map ends in an empty line, since Node misreads an ending segment of one number.
 */
export function ownLines(map: SourceMap, own: (source: string) => boolean): SourceMap {
  const sources = map.sources.filter(own);
  const places = map.sources.map(source => sources.indexOf(source));
  const lines = decode(map.mappings).map(line => {
    const kept: SourceMapSegment[] = [];
    for (const [column, source, row] of line) {
      const place = (source === undefined ? undefined : places[source]) ?? -1;
      const last = kept.at(-1);
      if (place < 0 || row === undefined) {
        // A segment of one number ends the one before it.
        if (last?.length === 4) kept.push([column]);
      } else if (last?.[1] !== place || last[2] !== row) {
        kept.push([column, place, row, 0]);
      }
    }
    return kept;
  });
  return { version: 3, sources, names: [], mappings: encode([...lines, []]) };
}

/** As the last line of a module. */
export function asComment(map: SourceMap): string {
  return `//# sourceMappingURL=data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString("base64")}\n`;
}
