import fc from "fast-check";
import { expect, test } from "vitest";
import { parseDockerConfig } from "./dockerConfig.ts";

const parse = (config: unknown) => parseDockerConfig(JSON.stringify(config), "test");

test("the entry that fits best counts", () => {
  const auths = {
    "https://registry.example/v2/": { auth: "aG9zdA==" },
    "registry.example/team": { auth: "dGVhbQ==" },
    "registry.example:5000": { auth: "cG9ydA==" },
    "https://index.docker.io/v1/": { auth: "aHVi" },
    "empty.example": {},
  };
  const login = (host: string, repository = "mod") => parse({ auths }).loginFor(host, repository)?.basic;
  expect(login("registry.example")).toBe("Basic aG9zdA==");
  expect(login("registry.example", "team/mod")).toBe("Basic dGVhbQ==");
  expect(login("registry.example", "teammate/mod")).toBe("Basic aG9zdA==");
  expect(login("registry.example:5000")).toBe("Basic cG9ydA==");
  expect(login("index.docker.io", "library/mod")).toBe("Basic aHVi");
  for (const host of ["example", "evil.registry.example", "registry.example.evil", "empty.example"]) {
    expect(login(host)).toBeUndefined();
  }
});

test("helpers are known by name only", () => {
  const config = parse({ credsStore: "desktop", credHelpers: { "https://cloud.example": "cloud" } });
  expect([config.helperFor("cloud.example"), config.helperFor("other.example")]).toEqual(["cloud", "desktop"]);
});

test("what is no Docker config is refused and not quoted", () => {
  for (const text of ["", "[]", '{"auths": {"secret.example": {"auth": 7}}}', '"secret"', "secret"]) {
    const error = (() => {
      try {
        return parseDockerConfig(text, "test");
      } catch (problem) {
        return problem;
      }
    })();
    expect(error).toMatchObject({ code: "MODULE_DOCKER_CONFIG", message: expect.not.stringContaining(`"secret"`) });
  }
});

test("any text is a config or a coded error", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), text => {
      try {
        parseDockerConfig(text, "test").loginFor("host", "mod");
      } catch (error) {
        expect(error).toMatchObject({ code: "MODULE_DOCKER_CONFIG" });
      }
    }),
  );
});
