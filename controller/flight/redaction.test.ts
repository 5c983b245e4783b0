import fc from "fast-check";
import { expect, test } from "vitest";
import { cut, cutMark } from "./cut.ts";
import { Redactor } from "./redaction.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");

function redactor(...values: readonly string[]): Redactor {
  const made = new Redactor();
  made.remember(Object.fromEntries(values.map((value, index) => [`key-${index}`, base64(value)])));
  return made;
}

const password = 'p4ss/"wörd"+&';

test.each<[string, string]>([
  ["as it is", password],
  ["as the Secret has it", base64(password)],
  ["as a URL has it", encodeURIComponent(password)],
  ["as JSON has it", JSON.stringify({ password })],
  ["in hex", Buffer.from(password).toString("hex")],
  ["in capital hex", Buffer.from(password).toString("hex").toUpperCase()],
  ["in base64 for URLs", Buffer.from(password).toString("base64url")],
  ["as basic authentication", base64(`user:${password}`)],
  ["in base64 with more around", base64(`{"a":"${password}","b":1}`)],
  ["in base64 at the third place", base64(`ab${password}!`)],
])("a value is taken out %s", (_, written) => {
  const redacted = redactor(password).redact(`it said ${written}.`);
  expect(redacted).toContain("[secret]");
  expect(redacted).not.toContain(written);
  expect(Buffer.from(redacted, "base64").toString()).not.toContain("wörd");
});

test("each line of a value is one, and a line break at its end means nothing", () => {
  expect(redactor("first line\nsecond line\n").redact("got second line, then first line")).toBe(
    "got [secret], then [secret]",
  );
});

test("a longer value is taken out before one that is a part of it; short ones stay", () => {
  expect(redactor("swordfish", "swordfish-2", "no").redact("swordfish-2 or swordfish: no")).toBe(
    "[secret] or [secret]: no",
  );
});

test("what is no text is left alone", () => {
  const made = new Redactor();
  for (const data of [undefined, null, "text", { key: 1 }, { key: null }]) made.remember(data);
  expect(made.redact("nothing to hide")).toBe("nothing to hide");
});

test("where a text was cut inside a value, no part of it is left", () => {
  const made = redactor("swordfish-of-the-sea");
  const text = "the password is swordfish-of-the-sea and more";
  for (let limit = 0; limit < text.length; limit++) {
    const redacted = made.redact(cut(text, limit));
    expect(redacted).not.toMatch(/\bsword/);
    expect(redacted).toContain(cutMark);
  }
});

test("whatever is around it and wherever it is cut, nothing of a value is left", () => {
  const marks = fc.string({ minLength: 4, maxLength: 20, unit: fc.constantFrom("§", "¤", "¶") });
  fc.assert(
    fc.property(
      marks,
      fc.stringMatching(/^[a-z ]*$/),
      fc.stringMatching(/^[a-z ]*$/),
      fc.nat(60),
      (value, a, b, limit) => {
        expect(redactor(value).redact(cut(a + value + b, limit))).not.toMatch(/[§¤¶]/);
      },
    ),
    { numRuns: 300 },
  );
});
