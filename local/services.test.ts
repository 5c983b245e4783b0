import { describe, expect, it } from "vitest";
import { controllerService, externalSecretsService, vaultService } from "./services.ts";
import { makeConcrete, parseServiceSpec } from "./supervisor/spec.ts";

const all = [
  vaultService({ port: 8200, rootToken: "s3cret" }),
  externalSecretsService(),
  controllerService({ port: "auto", digest: "abc" }),
];

describe.each(all.map(declaration => ({ name: declaration.name, declaration })))("$name", ({ declaration }) => {
  const spec = parseServiceSpec(declaration);
  const ports = Object.fromEntries(Object.keys(spec.ports).map((use, i) => [use, 20_000 + i]));
  const concrete = makeConcrete(spec, { stateDir: "/state", ports });

  it("is a valid declaration without a path or address of this machine", () => {
    expect(JSON.stringify(declaration)).not.toMatch(/"\/|0\.0\.0\.0/);
  });

  it("listens on loopback addresses only, with every port filled in", () => {
    const text = JSON.stringify(concrete);
    expect(text).not.toContain("{port");
    const listens = concrete.args.filter(arg => /:\d+$/.test(arg));
    expect(listens.length).toBeGreaterThan(0);
    for (const listen of listens) expect(listen).toMatch(/127\.0\.0\.1:\d+$/);
  });
});

describe("vault", () => {
  it("takes its token from the environment, where other users cannot read it", () => {
    const { args, env } = vaultService({ port: "auto", rootToken: "s3cret" });
    expect(args.join(" ")).not.toContain("s3cret");
    expect(env).toEqual({ VAULT_DEV_ROOT_TOKEN_ID: "s3cret" });
  });
});

describe("controller", () => {
  it("is another one when its code changes", () => {
    const hash = (digest: string) =>
      makeConcrete(parseServiceSpec(controllerService({ port: 1, digest })), { stateDir: "/s", ports: { http: 1 } })
        .hash;
    expect(hash("a")).not.toBe(hash("b"));
  });
});
