/**
 * YAML as Kubernetes reads it (sigs.k8s.io/yaml): 1.1, so that `0644` is octal and `on` is true, but with dates, times
 * and binary as text, and with `0o644`. Without what JSON cannot express.
 */
import {
  type Document,
  isScalar,
  LineCounter,
  parseAllDocuments,
  type ScalarTag,
  type Tags,
  visit,
  type YAMLMap,
} from "yaml";

/** Against documents that grow without bound by repeating an anchor. */
const mostAliases = 100;

/**
 * One value per document. Documents of nothing but comments are left out; a written `null` is not.
 *
 * @throws Error whose message says what is wrong in its first line, and quotes the text in the following ones.
 */
export function parseYaml(text: string): unknown[] {
  const lines = new LineCounter();
  // The library's own check of keys takes seconds for 20,000 of them: it compares each with all others.
  const options = { version: "1.1", customTags: kubernetesTags, logLevel: "error", uniqueKeys: false } as const;
  return parseAllDocuments(text, { ...options, lineCounter: lines }).flatMap(document => {
    const [problem] = document.errors;
    if (problem !== undefined) throw problem;
    checkKeys(document, lines);
    return isBlank(document.contents) ? [] : [document.toJS({ maxAliasCount: mostAliases }) as unknown];
  });
}

function checkKeys(document: Document.Parsed, lines: LineCounter): void {
  visit(document, {
    Map(_, map: YAMLMap) {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        // A merge (`<<`) has a symbol for a key, and may be there more than once.
        if (!isScalar(key) || typeof key.value === "symbol") continue;
        const name = String(key.value);
        if (seen.has(name)) {
          const { line, col } = lines.linePos(key.range?.[0] ?? 0);
          throw new Error(`Map keys must be unique at line ${line}, column ${col}`);
        }
        seen.add(name);
      }
    },
  });
}

function isBlank(contents: unknown): boolean {
  return contents === null || (isScalar(contents) && contents.value === null && contents.source === "");
}

const prefix = "tag:yaml.org,2002:";
const readAsText = ["timestamp", "binary", "omap", "pairs", "set"].map(name => `${prefix}${name}`);

const newOctal: ScalarTag = {
  identify: () => false,
  default: true,
  tag: `${prefix}int`,
  test: /^0o[0-7]+$/,
  resolve: text => Number(text),
};

/** The library's patterns take `.` and `e3` for numbers, which then are none. */
const floatWithDigits = /^[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)$/;
const exponentWithDigits = /^[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)[eE][-+]?[0-9]+$/;

function kubernetesTags(tags: Tags): Tags {
  return tags.flatMap((tag): Tags => {
    if (typeof tag === "string") return [tag];
    if (readAsText.includes(tag.tag) || tag.format === "TIME") return [];
    if (tag.tag === `${prefix}int` && tag.format === "OCT") return [tag, newOctal];
    if (tag.tag !== `${prefix}float` || !("test" in tag)) return [tag];
    if (tag.format === "EXP") return [{ ...tag, test: exponentWithDigits } as ScalarTag];
    // What matches the letters of infinity and NaN stays: it is refused later, as it is by Kubernetes.
    return tag.test?.test("1.5") ? [{ ...tag, test: floatWithDigits } as ScalarTag] : [tag];
  });
}
