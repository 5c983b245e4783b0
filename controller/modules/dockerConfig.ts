/** Credentials for registries, from a Docker config. */
import { z } from "zod";
import { moduleErrors } from "./errors.ts";
import { basic } from "./http.ts";

export interface RegistryLogin {
  /** Value of an Authorization header: Basic. Undefined when there is only a token. */
  readonly basic: string | undefined;
  /** To be exchanged at the registry's token service. */
  readonly identityToken: string | undefined;
  /** To be sent to the registry as it is. */
  readonly registryToken: string | undefined;
}

export interface DockerConfig {
  /** The entry that fits best; undefined: none. */
  loginFor(host: string, repository: string): RegistryLogin | undefined;
  /** Name of the credential helper that Docker would run for this host. It is never run here. */
  helperFor(host: string): string | undefined;
}

const optional = z.string().optional();
const shape = z.looseObject({
  auths: z
    .record(
      z.string(),
      z.looseObject({
        auth: optional,
        username: optional,
        password: optional,
        identitytoken: optional,
        registrytoken: optional,
      }),
    )
    .default({}),
  credsStore: optional,
  credHelpers: z.record(z.string(), z.string()).default({}),
});

type AuthEntry = z.infer<typeof shape>["auths"][string];

export const noDockerConfig: DockerConfig = { loginFor: () => undefined, helperFor: () => undefined };

/**
 * @param where for errors: a path or an object
 * @throws MODULE_DOCKER_CONFIG, which never quotes the text
 */
export function parseDockerConfig(text: string, where: string): DockerConfig {
  const { auths, credsStore, credHelpers } = parse(text, where);
  const entries = Object.entries(auths).map(([key, entry]) => ({ place: placeOf(key), entry }));
  const logins = entries.flatMap(({ place, entry }) => {
    const login = loginOf(entry);
    return login === undefined ? [] : [{ place, login }];
  });
  return {
    loginFor(host, repository) {
      const path = `${nameOf(host)}/${repository}/`;
      const fitting = logins.filter(({ place }) => path.startsWith(`${place}/`));
      return fitting.toSorted((a, b) => b.place.length - a.place.length)[0]?.login;
    },
    helperFor(host) {
      const own = Object.entries(credHelpers).find(([key]) => placeOf(key) === nameOf(host));
      return own?.[1] ?? credsStore;
    },
  };
}

function parse(text: string, where: string): z.infer<typeof shape> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw moduleErrors.MODULE_DOCKER_CONFIG({ where, why: "it is not JSON" });
  }
  const parsed = shape.safeParse(json);
  if (parsed.success) return parsed.data;
  const at = parsed.error.issues[0]?.path.join(".") ?? "";
  throw moduleErrors.MODULE_DOCKER_CONFIG({ where, why: `${at} is not what Docker writes` });
}

/** `https://index.docker.io/v1/` and `registry.example.com/team` without scheme and version. */
function placeOf(key: string): string {
  const place = key.replace(/^https?:\/\//, "").replace(/\/(v[12]\/?)?$/, "");
  const [host = "", ...path] = place.split("/");
  return [nameOf(host), ...path].join("/");
}

/** Docker Hub has several names, and Docker keeps its login under one of them. */
function nameOf(host: string): string {
  return ["index.docker.io", "registry-1.docker.io"].includes(host) ? "docker.io" : host;
}

function loginOf({ auth, username, password, identitytoken, registrytoken }: AuthEntry): RegistryLogin | undefined {
  const plain = username === undefined || password === undefined ? undefined : basic(username, password);
  const login: RegistryLogin = {
    basic: auth ? `Basic ${auth}` : plain,
    identityToken: identitytoken,
    registryToken: registrytoken,
  };
  return Object.values(login).some(Boolean) ? login : undefined;
}
