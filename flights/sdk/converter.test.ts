import fc from "fast-check";
import { expect, test } from "vitest";
import { answerReview, convert, defineConverter } from "./converter.ts";
import type { Resource } from "./kinds.ts";

interface V1 extends Resource {
  readonly spec: { readonly image: string; readonly labels?: Readonly<Record<string, string>> };
}
interface V2 extends Resource {
  readonly spec: { readonly img: string; readonly meta?: { readonly labels?: Readonly<Record<string, string>> } };
}
interface V3 extends Resource {
  readonly spec: { readonly picture: string };
}

const converter = defineConverter({
  group: "examples.com",
  kind: "Backend",
  hub: "v2",
  versions: {
    v1: {
      toHub: ({ spec: { image, labels } }: V1) => ({ spec: { img: image, ...(labels && { meta: { labels } }) } }),
      fromHub: ({ spec: { img, meta } }: V2) => ({
        spec: { image: img, ...(meta?.labels && { labels: meta.labels }) },
      }),
    },
    v3: {
      toHub: ({ spec }: V3) => {
        if (spec.picture === "") throw new Error("no picture");
        return { spec: { img: spec.picture } };
      },
      fromHub: ({ spec }: V2) => ({
        spec: { picture: spec.img },
        annotations: { from: "hub" },
        status: { seen: true },
      }),
    },
  },
});

const object = (version: string, spec: unknown, more: object = {}) =>
  ({
    apiVersion: `examples.com/${version}`,
    kind: "Backend",
    metadata: { name: "one", uid: "u" },
    spec,
    ...more,
  }) as Resource;

test("an object goes from any version to any other, by the hub", () => {
  const v1 = object("v1", { image: "nginx", labels: { a: "b" } });
  const v2 = object("v2", { img: "nginx", meta: { labels: { a: "b" } } });
  expect(convert(converter, v1, "examples.com/v2")).toEqual(v2);
  expect(convert(converter, v2, "examples.com/v1")).toEqual(v1);
  expect(convert(converter, object("v3", { picture: "x" }), "examples.com/v1")).toEqual(object("v1", { image: "x" }));
  expect(convert(converter, v1, "examples.com/v1")).toBe(v1);
});

test("names and status stay; labels, annotations and status change where the conversion says so", () => {
  const v2 = object(
    "v2",
    { img: "x" },
    { metadata: { name: "one", uid: "u", annotations: { a: "b" } }, status: { n: 1 } },
  );
  expect(convert(converter, v2, "examples.com/v1")).toMatchObject({ metadata: v2.metadata, status: { n: 1 } });
  expect(convert(converter, v2, "examples.com/v3")).toMatchObject({
    metadata: { name: "one", uid: "u", annotations: { from: "hub" } },
    status: { seen: true },
  });
});

test.each([
  ["another kind", { ...object("v1", {}), kind: "Other" }, "examples.com/v2"],
  ["another group", { ...object("v1", {}), apiVersion: "other.com/v1" }, "examples.com/v2"],
  ["a version that it has not", object("v1", {}), "examples.com/v9"],
  ["a version that JavaScript has", object("v1", { image: "x" }), "examples.com/constructor"],
])("%s is refused", (_, from, to) => {
  expect(() => convert(converter, from, to)).toThrow(TypeError);
});

const review = (objects: readonly Resource[], desiredAPIVersion: string) =>
  JSON.stringify({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "ConversionReview",
    request: { uid: "review-1", desiredAPIVersion, objects },
  });

test("a review is answered with all objects in their order", () => {
  const images = ["a", "b", "c"];
  const objects = images.map(image => object("v1", { image }));
  expect(JSON.parse(answerReview(converter, review(objects, "examples.com/v2")))).toEqual({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "ConversionReview",
    response: {
      uid: "review-1",
      result: { status: "Success" },
      convertedObjects: images.map(img => object("v2", { img })),
    },
  });
});

test("one object that cannot be converted fails the review, and is named", () => {
  const objects = [object("v3", { picture: "x" }), object("v3", { picture: "" })];
  expect(JSON.parse(answerReview(converter, review(objects, "examples.com/v2")))).toMatchObject({
    response: {
      uid: "review-1",
      result: { status: "Failure", message: "Backend one cannot be converted to examples.com/v2: no picture" },
      convertedObjects: [],
    },
  });
});

test("there and back again is the same object", () => {
  const labels = fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.string());
  fc.assert(
    fc.property(fc.string(), fc.option(labels, { nil: undefined }), (image, some) => {
      const v1 = object("v1", { image, ...(some && { labels: some }) }, { status: { n: 1 } });
      const there = convert(converter, v1, "examples.com/v2");
      expect(convert(converter, there, "examples.com/v1")).toEqual(v1);
    }),
  );
});
