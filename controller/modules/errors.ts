import { defineErrors } from "../../lib/errors.ts";

/**
 * What can go wrong between a module's URL and its bytes. `url` is always shown without credentials (`shown` of url.ts).
 * The texts of MODULE_NOT_ALLOWED, MODULE_CHECKSUM, MODULE_UNSIGNED and MODULE_CHANGED are yoke's.
 */
export const moduleErrors = defineErrors({
  MODULE_URL_INVALID: {
    message: (f: { url: string; why: string }) => `module URL "${f.url}" is not valid: ${f.why}`,
    todo: "Write it as a path, file:///path, http(s)://host/path, oci://host/repository:tag or configmap://namespace/name/key.",
  },
  MODULE_NOT_ALLOWED: {
    message: (f: { url: string }) => `module "${f.url}" not allowed`,
    todo: "Use a module that MODULE_ALLOW_LIST admits, or add a pattern for it there.",
  },
  MODULE_MISSING: {
    message: (f: { url: string; why: string }) => `there is no module at ${f.url}: ${f.why}`,
    todo: "Publish the module there, or correct the URL.",
  },
  MODULE_UNREACHABLE: {
    message: (f: { url: string; why: string }) => `module "${f.url}" could not be fetched: ${f.why}`,
    todo: "Check the URL and that the controller can reach it; it is tried again by itself.",
  },
  MODULE_LOGIN: {
    message: (f: { url: string; why: string }) => `module "${f.url}": the server wants a login: ${f.why}`,
    todo: "Put credentials for that host into the Docker config of the controller, or into the Secret that DOCKER_CONFIG_SECRET_NAME names.",
  },
  MODULE_DOCKER_CONFIG: {
    message: (f: { where: string; why: string }) => `the Docker config in ${f.where} cannot be used: ${f.why}`,
    todo: 'Write it as {"auths": {"<host>": {"auth": "<base64 of user:password>"}}}; credential helpers are not run.',
  },
  MODULE_TOO_LARGE: {
    message: (f: { url: string; limitMib: number }) => `module "${f.url}" has more than ${f.limitMib} MiB`,
    todo: "Check that the URL names the module; build it without debug information.",
  },
  MODULE_UNPACK: {
    message: (f: { url: string; why: string }) => `module "${f.url}" cannot be unpacked: ${f.why}`,
    todo: "Publish the module as it is, or compressed by gzip.",
  },
  MODULE_ARTIFACT: {
    message: (f: { url: string; why: string }) => `"${f.url}" is no module: ${f.why}`,
    todo: "Check that the URL names a flight: WebAssembly, or JavaScript with a default export; in a registry, with the media types of docs/decisions/0008-modules.md.",
  },
  MODULE_CHECKSUM: {
    message: (f: { wanted: string; got: string }) =>
      `cannot verify module against expected checksum: wanted "${f.wanted}" but got "${f.got}"`,
    todo: "Set the checksum to the sha256 of the uncompressed module, or publish the module that it names.",
  },
  MODULE_UNSIGNED: {
    message: (_: Record<string, never>) => "failed to verify module: module is unsigned",
    todo: "Sign the module with a key of MODULE_VERIFICATION_KEYS_PATH.",
  },
  MODULE_SIGNATURE: {
    message: (f: { why: string }) => `failed to verify module: ${f.why}`,
    todo: "Sign the module anew, with a key of MODULE_VERIFICATION_KEYS_PATH.",
  },
  MODULE_CHANGED: {
    message: (f: { url: string }) => `module "${f.url}" has changed since last use`,
    todo: "Publish a changed module under a new URL, or accept it by setting the checksum to its sha256.",
  },
  MODULE_KEYS: {
    message: (f: { path: string; why: string }) => `the verification keys in ${f.path} cannot be used: ${f.why}`,
    todo: "Make it a JSON array of PEM texts: PUBLIC KEY or RSA PUBLIC KEY; Ed25519, RSA or ECDSA.",
  },
  MODULE_STORE_CLOSED: {
    message: (_: Record<string, never>) => "the module was not fetched: the controller is stopping",
    todo: "Nothing: the next start fetches it.",
  },
});
