import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { CodedError } from "../../lib/errors.ts";
import { parseOutput } from "./output.ts";

const configMap = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } });
const one = configMap("one");
const two = configMap("two");
const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "demo" } };
const definition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "tests.examples.com" },
};

function failure(stdout: string): CodedError {
  try {
    parseOutput(stdout);
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
  throw new Error("accepted");
}

describe("accepted shapes", () => {
  test.each<[string, string, unknown]>([
    ["one object, JSON", JSON.stringify(one), [[one]]],
    ["one object, YAML", stringify(one), [[one]]],
    ["documents", `${stringify(one)}---\n${stringify(two)}`, [[one, two]]],
    ["documents as JSON", `${JSON.stringify(one)}\n---\n${JSON.stringify(two)}\n`, [[one, two]]],
    ["a list", JSON.stringify([one, two]), [[one, two]]],
    ["a list, YAML", stringify([one, two]), [[one, two]]],
    ["a list of lists", JSON.stringify([[one], [two]]), [[one], [two]]],
    ["a list of lists, YAML", stringify([[one], [two]]), [[one], [two]]],
    ["nothing to own", "[]", []],
    ["stages of nothing", "[[], [], []]", []],
    ["an empty stage between others", JSON.stringify([[one], [], [two]]), [[one], [two]]],
    [
      "separators around and comments between",
      `---\n# one\n${stringify(one)}---\n# nothing\n---\n${stringify(two)}---\n`,
      [[one, two]],
    ],
  ])("%s", (_, stdout, stages) => {
    expect(parseOutput(stdout)).toEqual(stages);
  });

  test("Namespaces and CRDs come first within their stage", () => {
    expect(parseOutput(JSON.stringify([one, namespace, two, definition]))).toEqual([
      [namespace, definition],
      [one, two],
    ]);
    expect(parseOutput(JSON.stringify([[one], [two, namespace]]))).toEqual([[one], [namespace], [two]]);
  });

  test("a kind of another group called Namespace is nothing special", () => {
    const other = { apiVersion: "examples.com/v1", kind: "Namespace", metadata: { name: "x" } };
    expect(parseOutput(JSON.stringify([one, other]))).toEqual([[one, other]]);
  });

  test("a field that a template left empty means nothing", () => {
    const stdout = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one, labels: , namespace: ""}\n';
    expect(parseOutput(stdout)).toEqual([[one]]);
  });

  test("what JSON can say, JSON and YAML output say alike", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.jsonValue({ maxDepth: 4 })), spec => {
        const plain = JSON.parse(JSON.stringify({ ...one, spec })) as unknown;
        // In YAML this key merges another map.
        fc.pre(!JSON.stringify(plain).includes('"<<"'));
        expect(parseOutput(JSON.stringify(plain))).toEqual([[plain]]);
        expect(parseOutput(stringify(plain, { version: "1.1" }))).toEqual([[plain]]);
      }),
    );
  });

  test("a key that is a trap for JavaScript stays data", () => {
    const stdout =
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one","constructor":"y","__proto__":{"x":1}},"__proto__":{"polluted":1}}';
    const [[object] = []] = parseOutput(stdout);
    expect(Object.hasOwn(object ?? {}, "__proto__")).toBe(true);
    expect(Object.hasOwn(object?.metadata ?? {}, "__proto__")).toBe(true);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});

describe("refused output", () => {
  test.each<[string, string, string, string]>([
    ["nothing", "", "RELEASE_OUTPUT_EMPTY", "empty"],
    ["white space", " \n\t", "RELEASE_OUTPUT_EMPTY", "empty"],
    ["only separators", "---\n---\n", "RELEASE_OUTPUT_EMPTY", "empty"],
    ["a log line", "starting up", "RELEASE_OUTPUT_SHAPE", "stage 1, object 1 is a string"],
    ["null", "null", "RELEASE_OUTPUT_SHAPE", "stage 1, object 1 is null"],
    ["a number", "42", "RELEASE_OUTPUT_SHAPE", "is a number"],
    ["a null among objects", JSON.stringify([one, null]), "RELEASE_OUTPUT_SHAPE", "stage 1, object 2 is null"],
    ["an object among stages", JSON.stringify([[one], two]), "RELEASE_OUTPUT_SHAPE", "stage 2 is an object"],
    ["lists too deep", JSON.stringify([[[one]]]), "RELEASE_OUTPUT_SHAPE", "stage 1, object 1 is a list"],
    [
      "a list among documents",
      `${stringify(one)}---\n${stringify([two])}`,
      "RELEASE_OUTPUT_SHAPE",
      "object 2 is a list",
    ],
    ["cut JSON", JSON.stringify([one, two]).slice(0, -5), "RELEASE_OUTPUT_UNREADABLE", "line 1"],
    ["a broken second document", `${stringify(one)}---\na: b: c\n`, "RELEASE_OUTPUT_UNREADABLE", "line"],
    ["a number beyond numbers, JSON", '[{"a": 1e400}]', "RELEASE_OUTPUT_UNREADABLE", "JSON cannot express"],
    ["a number beyond numbers, YAML", "a: .inf", "RELEASE_OUTPUT_UNREADABLE", "JSON cannot express"],
    ["no kind", '{"apiVersion":"v1","metadata":{"name":"x"}}', "RELEASE_OBJECT_INVALID", "object 1: kind is missing"],
    [
      "no apiVersion",
      '{"kind":"Pod","metadata":{"name":"x"}}',
      "RELEASE_OBJECT_INVALID",
      "(Pod): apiVersion is missing",
    ],
    ["no metadata", '{"kind":"Pod","apiVersion":"v1"}', "RELEASE_OBJECT_INVALID", "(Pod): metadata is missing"],
    [
      "no name in the third object of the second stage",
      JSON.stringify([[one], [one, two, { apiVersion: "apps/v1", kind: "Deployment", metadata: {} }]]),
      "RELEASE_OBJECT_INVALID",
      "stage 2, object 3 (Deployment): metadata.name is missing",
    ],
    [
      "a generated name",
      '{"kind":"Pod","apiVersion":"v1","metadata":{"generateName":"x-"}}',
      "RELEASE_OBJECT_INVALID",
      "metadata.generateName is not supported",
    ],
    [
      "a List",
      JSON.stringify({ apiVersion: "v1", kind: "List", items: [one] }),
      "RELEASE_OBJECT_INVALID",
      "(List): items are not expanded",
    ],
    [
      "a label that YAML took for a number",
      "apiVersion: v1\nkind: Pod\nmetadata: {name: x, labels: {version: 1.0}}",
      "RELEASE_OBJECT_INVALID",
      '(Pod x): metadata.labels ["version"] must be a string, not a number',
    ],
    [
      "a namespace of another type",
      '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"x","namespace":1}}',
      "RELEASE_OBJECT_INVALID",
      "metadata.namespace is no namespace name",
    ],
    [
      "owners that are no references",
      '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"x","ownerReferences":["y"]}}',
      "RELEASE_OBJECT_INVALID",
      "metadata.ownerReferences must be a list of references",
    ],
  ])("%s", (_, stdout, code, words) => {
    const error = failure(stdout);
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
  });

  test.each(["..", ".", "a/b", "%2e%2e", "a\nb", ""])("a name that leaves its URL: %j", name => {
    expect(failure(JSON.stringify(configMap(name))).code).toBe("RELEASE_OBJECT_INVALID");
  });

  test.each(["../v1", "v1/../../secrets", "V1", "apps/v1/x", "apps//v1"])(
    "an API version that leaves its URL: %j",
    apiVersion => {
      expect(failure(JSON.stringify({ ...one, apiVersion })).code).toBe("RELEASE_OBJECT_INVALID");
    },
  );

  test("what is wrong is said without showing what was printed", () => {
    const secret = "hunter2hunter2";
    for (const stdout of [
      secret,
      `{"a": "${secret}`,
      `a: b: ${secret}`,
      `["${secret}"]`,
      `{"kind": "Pod", "metadata": "${secret}"}`,
    ])
      expect(failure(stdout).message).not.toContain(secret);
  });

  test("more than can be held", () => {
    expect(failure(JSON.stringify(Array.from({ length: 10_001 }, (_, at) => configMap(`c${at}`)))).message).toContain(
      "more than 10000 objects",
    );
    expect(failure(`"${"x".repeat(33 * 1024 * 1024)}"`).message).toContain("characters");
  });

  test("deeper than can be walked", () => {
    expect(failure("[".repeat(100_000) + "]".repeat(100_000)).message).toContain("levels of nesting");
    expect(failure(`${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`).message).toContain("levels of nesting");
    expect(failure("- ".repeat(50_000)).code).toMatch(/^RELEASE_OUTPUT_/);
  });

  test("anchors that multiply", () => {
    const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
    for (let at = 1; at < 10; at++)
      lines.push(
        `a${at}: &a${at} [${Array(10)
          .fill(`*a${at - 1}`)
          .join(", ")}]`,
      );
    expect(failure(lines.join("\n")).code).toBe("RELEASE_OUTPUT_UNREADABLE");
  });

  test("any text is read or refused with a code", () => {
    const pieces = fc.constantFrom(
      "---\n",
      "- ",
      "a: ",
      "{",
      "}",
      "[",
      "]",
      ",",
      "&a ",
      "*a",
      "!!binary ",
      "<<: ",
      "'",
      '"',
      "\n",
      " ",
      "| ",
      "kind: Pod\n",
      "metadata: {name: x}\n",
      "apiVersion: v1\n",
      "null",
      "\t",
      "?",
      "%YAML 1.2\n",
      "!x ",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(pieces, { maxLength: 12 }).map(parts => parts.join("")),
        ),
        stdout => {
          try {
            for (const object of parseOutput(stdout).flat()) expect(object.metadata.name).not.toBe("");
          } catch (error) {
            expect(error).toBeInstanceOf(CodedError);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe("output that is made to hurt", () => {
  const lines = (count: number, line: (at: number) => string) => Array.from({ length: count }, (_, at) => line(at));
  const laughs = lines(8, at => `${"bcdefghi"[at]}: &${"bcdefghi"[at]} [${Array(9).fill(`*${"abcdefgh"[at]}`)}]`);
  const flat = 200_000;

  test.each<[string, string, string]>([
    ["an alias of itself, twice", "a: &a [*a, *a]", "RELEASE_OUTPUT_TOO_LARGE"],
    ["an alias of itself in an object", "a: &a {b: *a, c: *a}", "RELEASE_OUTPUT_TOO_LARGE"],
    ["an alias of itself once", "&a [*a]", "RELEASE_OUTPUT_TOO_LARGE"],
    ["a billion laughs", `a: &a [x, x, x]\n${laughs.join("\n")}`, "RELEASE_OUTPUT_UNREADABLE"],
    [
      "one alias again and again",
      `a: &a 1\n${lines(1000, at => `k${at}: *a`).join("\n")}`,
      "RELEASE_OUTPUT_UNREADABLE",
    ],
    [
      "long texts by aliases",
      `${lines(40, at => `k${at}: &k${at} ${"x".repeat(20_000)}\nl${at}: [${Array(90).fill(`*k${at}`)}]`).join("\n")}`,
      "RELEASE_OUTPUT_TOO_LARGE",
    ],
    [
      "many keys, of which one is there twice",
      `${lines(20_000, at => `k${at}: 1`).join("\n")}\nk7: 2`,
      "RELEASE_OUTPUT_UNREADABLE",
    ],
    ["a key twice", "a: 1\na: 2", "RELEASE_OUTPUT_UNREADABLE"],
    ["a key twice, once in quotes", "1: 1\n'1': 2", "RELEASE_OUTPUT_UNREADABLE"],
    ["deep YAML", `a: ${"[".repeat(20_000)}`, "RELEASE_OUTPUT_UNREADABLE"],
    ["deep JSON", `${"[".repeat(flat)}${"]".repeat(flat)}`, "RELEASE_OUTPUT_TOO_LARGE"],
    ["many values", `[${Array(2_000_001).fill("0")}]`, "RELEASE_OUTPUT_TOO_LARGE"],
    ["much YAML", `# ${"x".repeat(1024 * 1024)}\na: 1`, "RELEASE_OUTPUT_TOO_LARGE"],
    ["half of a surrogate pair", '[{"a": "\\ud800"}]', "RELEASE_OUTPUT_UNREADABLE"],
    ["half of a surrogate pair in a key", '[{"\\udfff": 1}]', "RELEASE_OUTPUT_UNREADABLE"],
  ])("%s is refused", (_, stdout, code) => {
    expect(failure(stdout).code).toBe(code);
  });

  test("whatever is printed is a list of stages of named objects, or a coded error", () => {
    const json = fc.json({ maxDepth: 5, stringUnit: "binary" });
    const yaml = fc.array(
      fc.constantFrom(
        ..."&a *a <<: !!binary !!set !!js/function !<x> --- ... | > ? - [ ] { } , : # % @ ` ' \" ~ a b kind apiVersion".split(
          " ",
        ),
        "\n",
        "  ",
        "a: &a [*a]",
        "<<: *a",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n",
      ),
      { maxLength: 30 },
    );
    const printed = fc.oneof(
      json,
      yaml.map(parts => parts.join("")),
      yaml.map(parts => parts.join(" ")),
      fc.string(),
    );
    fc.assert(
      fc.property(printed, stdout => {
        try {
          for (const object of parseOutput(stdout).flat()) {
            expect(object).toMatchObject({ apiVersion: expect.any(String), kind: expect.any(String) });
            expect(typeof object.metadata.name).toBe("string");
            JSON.stringify(object);
          }
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^RELEASE_O/) });
        }
        expect(Object.keys(Object.prototype)).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });
});
