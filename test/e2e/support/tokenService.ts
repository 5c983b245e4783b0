/** The token service of a registry: gives those who log in what they ask for, and nobody else anything. */
import { generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { basicLogin, type RegistryOptions } from "./registry.ts";

export interface TokenService {
  readonly settings: NonNullable<RegistryOptions["token"]>;
  /** A token for pushing to a repository. */
  tokenFor(repository: string): string;
  close(): void;
}

const [issuer, service, kid] = ["e2e", "e2e-registry", "e2e-key"];

export async function startTokenService(): Promise<TokenService> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const tokenOf = (name: string, actions: readonly string[]) => {
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      ...{ iss: issuer, sub: "ali", aud: [service], exp: now + 300, nbf: now - 10, iat: now, jti: randomUUID() },
      access: [{ type: "repository", name, actions }],
    };
    const parts = [{ typ: "JWT", alg: "ES256", kid }, claims].map(part => base64url(JSON.stringify(part)));
    const signature = sign("sha256", Buffer.from(parts.join(".")), { key: privateKey, dsaEncoding: "ieee-p1363" });
    return [...parts, base64url(signature)].join(".");
  };
  const server = createServer((request, response) => {
    const [, name = "", actions = ""] =
      new URL(request.url ?? "/", "http://localhost").searchParams.get("scope")?.split(":") ?? [];
    if (request.headers.authorization !== basicLogin) response.writeHead(401).end();
    else response.end(JSON.stringify({ token: tokenOf(name, actions.split(",")), expires_in: 300 }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const realm = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  const jwks = { keys: [{ ...publicKey.export({ format: "jwk" }), kid, alg: "ES256", use: "sig" }] };
  return {
    settings: { realm, issuer, service, jwks },
    tokenFor: repository => tokenOf(repository, ["pull", "push"]),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function base64url(content: string | Buffer): string {
  return Buffer.from(content).toString("base64url");
}
