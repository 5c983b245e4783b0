import { describe, expect, it } from "vitest";
import { controllerService, externalSecretsService, vaultService } from "./services.ts";
import { makeConcrete, parseServiceSpec } from "./supervisor/spec.ts";

const account = { namespace: "atc", name: "atc" };
const all = [
  vaultService({ port: 8200, rootToken: "s3cret" }),
  externalSecretsService(),
  controllerService({ account, digest: "abc" }),
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
    const listens = [...concrete.args, ...Object.values(concrete.env)].filter(value => /:\d+$/.test(value));
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
  const concrete = (digest: string) =>
    makeConcrete(parseServiceSpec(controllerService({ account, digest })), {
      stateDir: "/s",
      ports: { http: 1, webhooks: 2 },
    });

  it("is another one when its code changes", () => {
    expect(concrete("a").hash).not.toBe(concrete("b").hash);
  });

  it("logs in as its own account, and is called where it listens", () => {
    expect(concrete("a").env).toMatchObject({
      KUBE: "/s/logins/atc.atc.yaml",
      PORT: "2",
      WEBHOOK_URL: "https://127.0.0.1:2",
    });
  });
});
