import fc from "fast-check";
import { expect, test } from "vitest";
import { inferredChecksum, isImmutable, parseModuleUrl, pinnable, shownUrl } from "./url.ts";

const hex = "ab".repeat(32);
const digest = `sha256:${hex}`;

test.each([
  ["./flight.wasm", { scheme: "file", path: "./flight.wasm" }],
  ["file:///flights/a.wasm", { scheme: "file", path: "/flights/a.wasm" }],
  ["file://main.wasm", { scheme: "file", path: "main.wasm" }],
  ["oci://host:5000/team/mod:v1", { scheme: "oci", host: "host:5000", repository: "team/mod", tag: "v1" }],
  ["oci://localhost/mod", { scheme: "oci", host: "localhost", repository: "mod", tag: "latest" }],
  ["oci://team/mod", { scheme: "oci", host: "index.docker.io", repository: "team/mod", tag: "latest" }],
  ["oci://mod:2", { scheme: "oci", host: "index.docker.io", repository: "library/mod", tag: "2" }],
  [`oci://host.io/mod@${digest}`, { scheme: "oci", host: "host.io", repository: "mod", tag: "latest", digest }],
  [`oci://host.io/mod:v1@${digest}`, { scheme: "oci", tag: "v1", digest }],
  ["configmap://atc-system/f/flight.js", { scheme: "configmap", namespace: "atc-system", name: "f", key: "flight.js" }],
])("%s is taken apart", (url, parts) => {
  expect(parseModuleUrl(url)).toMatchObject(parts);
});

test("web addresses stay as they are", () => {
  const url = parseModuleUrl("https://example.com:8443/a.wasm?x=1");
  expect(url).toMatchObject({ scheme: "https", url: new URL("https://example.com:8443/a.wasm?x=1") });
});

test.each([
  "",
  "file://",
  "http://",
  "gopher://x",
  "oci://",
  "oci://host.io/",
  "oci://host.io/Upper",
  "oci://host.io/mod:",
  "oci://host.io/mod@sha256:short",
  `oci://host.io/mod@${digest}@${digest}`,
  "oci://user:secret@host.io/mod",
  "configmap://only/two",
  "configmap://a/b/c/d",
  "configmap://a//c",
])("%j is refused", url => {
  expect(() => parseModuleUrl(url)).toThrow(expect.objectContaining({ code: "MODULE_URL_INVALID" }));
});

test("any text is a URL or a coded error", () => {
  const url = fc.oneof(
    fc.string(),
    fc.tuple(fc.constantFrom("oci", "http", "https", "file", "configmap"), fc.string()).map(parts => parts.join("://")),
  );
  fc.assert(
    fc.property(url, text => {
      inferredChecksum(text);
      pinnable(text);
      try {
        parseModuleUrl(text);
      } catch (error) {
        expect(error).toMatchObject({ code: "MODULE_URL_INVALID" });
      }
    }),
  );
});

test("credentials are not shown", () => {
  expect(shownUrl("https://user:secret@host/a.wasm?token=secret")).toBe("https://***@host/a.wasm?***");
  expect(shownUrl("https://us@er:secret@host/a")).toBe("https://***@host/a");
  expect(shownUrl(`oci://mod@${digest}`)).toBe(`oci://mod@${digest}`);
  expect(shownUrl("http://host/a@b")).toBe("http://host/a@b");
});

test.each([
  [`oci://registry/module:sha256_${hex}`, hex],
  [`oci://registry/module:sha256_${hex}@${digest}`, hex],
  [`file://path/to/module_sha256_${hex}`, hex],
  [`./path/to/sha256_${hex}.wasm.gz`, hex],
  [`https://domain.com/some/module_sha256_${hex}.wasm?x=/y`, hex],
  ["oci://registry/sha256_x/module:v1.2.3", undefined],
  ["oci://registry/sha256_x:v1", undefined],
  ["https://domain.com/sha256/checksum", undefined],
  ["./local/fs/sha1_sha1", undefined],
])("the checksum in %s", (url, checksum) => {
  expect(inferredChecksum(url)).toBe(checksum);
});

test.each([
  "oci://ghcr.io/repo/mod:v1.2.3",
  "oci://ghcr.io/repo/mod:1.2.3",
  "oci://host:5000/repo/mod:v1",
  "oci://ghcr.io/repo/mod:1",
  "oci://ghcr.io/repo/mod:v1.2.3-prerelease.4",
  "oci://ghcr.io/repo/mod:1.2.3-prerelease+build",
  "http://domain.io/module.wasm.gz",
  "https://domain.io/module.wasm",
  "unknown://x",
])("%s is pinned", url => {
  expect(pinnable(url)).toBe(true);
});

test.each([
  "oci://ghcr.io/repo/mod",
  "oci://host:5000/mod",
  "oci://ghcr.io/repo/mod:latest",
  "oci://ghcr.io/repo/mod:stable",
  "oci://ghcr.io/repo/mod:v01",
  "oci://ghcr.io/repo/mod:1.2-x",
  "file://./main.wasm",
  "./main.wasm",
  "configmap://a/b/c",
])("%s may change", url => {
  expect(pinnable(url)).toBe(false);
});

test("what a digest names is never looked at again", () => {
  expect(isImmutable(parseModuleUrl(`oci://host.io/mod@${digest}`))).toBe(true);
  expect(isImmutable(parseModuleUrl("oci://host.io/mod:v1"))).toBe(false);
});
