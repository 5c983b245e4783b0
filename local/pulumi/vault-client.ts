import { setTimeout as delay } from "node:timers/promises";
import { errors } from "./errors.ts";
import { createAgent, type HttpResponse, sendRequest } from "./http.ts";
import { isObject, type Properties, type Value } from "./wire.ts";

const ATTEMPTS = 5;
const FIRST_DELAY_MS = 250;

/** Vault's HTTP API, with the waits that a Vault which has just started needs. */
export interface VaultClient {
  /** The answer's `data` ({} if it has none), or undefined for 404. Other errors are thrown. */
  readonly call: (
    method: string,
    path: string,
    signal: AbortSignal,
    body?: Properties,
  ) => Promise<Properties | undefined>;
}

export interface VaultSettings {
  readonly address: string;
  readonly token: string;
  readonly namespace?: string | undefined;
  readonly skipTlsVerify: boolean;
  /** PEM. */
  readonly ca?: string | undefined;
}

const errorList = (body: Value | undefined): string =>
  isObject(body) && Array.isArray(body.errors) && body.errors.length > 0 ? body.errors.join("; ") : "no explanation";

/** A sealed or starting Vault, and a new kv mount that is not ready for its first write. */
const isPassing = ({ status, body }: HttpResponse): boolean =>
  status >= 500 || status === 412 || (status === 400 && /upgrading from non-versioned/i.test(errorList(body)));

export function createVaultClient(settings: VaultSettings): VaultClient {
  const agent = createAgent(settings.address, {
    rejectUnauthorized: !settings.skipTlsVerify,
    ...(settings.ca === undefined ? {} : { ca: settings.ca }),
  });
  const headers = {
    "x-vault-token": settings.token,
    "x-vault-request": "true",
    "content-type": "application/json",
    ...(settings.namespace ? { "x-vault-namespace": settings.namespace } : {}),
  };

  return {
    async call(method, path, signal, body) {
      const url = new URL(`/v1/${path.split("/").map(encodeURIComponent).join("/")}`, settings.address).href;
      for (let attempt = 1; ; attempt++) {
        const last = attempt === ATTEMPTS;
        const response = await sendRequest({ method, url, headers, body, agent, signal }).catch((error: unknown) => {
          if (last || signal.aborted) throw errors.VAULT_UNREACHABLE({ address: settings.address }, error);
          return undefined;
        });
        if (response !== undefined && (last || !isPassing(response))) return answer(response, method, path);
        await delay(FIRST_DELAY_MS * 2 ** (attempt - 1), undefined, { signal });
      }
    },
  };
}

function answer({ status, body }: HttpResponse, method: string, path: string): Properties | undefined {
  if (status === 404) return undefined;
  if (status >= 400) throw errors.VAULT_REFUSED({ method, path, status, reason: errorList(body) });
  return isObject(body) && isObject(body.data) ? body.data : {};
}
