/**
 * YAML as Kubernetes reads it (sigs.k8s.io/yaml): 1.1, so that `0644` is octal and `on` is true, but with dates, times
 * and binary as text, and with `0o644`. Without what JSON cannot express.
 */
import { isScalar, parseAllDocuments, type ScalarTag, type Tags } from "yaml";

/** Against documents that grow without bound by repeating an anchor. */
const mostAliases = 100;

/**
 * One value per document. Documents of nothing but comments are left out; a written `null` is not.
 *
 * @throws Error whose message says what is wrong in its first line, and quotes the text in the following ones.
 */
export function parseYaml(text: string): unknown[] {
  return parseAllDocuments(text, { version: "1.1", customTags: kubernetesTags, logLevel: "error" }).flatMap(
    document => {
      const [problem] = document.errors;
      if (problem !== undefined) throw problem;
      return isBlank(document.contents) ? [] : [document.toJS({ maxAliasCount: mostAliases }) as unknown];
    },
  );
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
