/**
 * May this module be used for this request? Asked on every use, also of a module that is held already (W19): checksum,
 * pin and signature all count, whatever else is configured. What cannot change for a module is worked out once.
 */
import type { FlightModule } from "../flight/loader.ts";
import { moduleErrors } from "./errors.ts";
import { type VerificationKeys, verifySignature } from "./signature.ts";
import { inferredChecksum, pinnable, shownUrl } from "./url.ts";

export interface Wanted {
  readonly url: string;
  /** sha256 hex of the module, not packed; where it is not given, the URL may name it. */
  readonly checksum?: string | undefined;
  /**
   * sha256 hex of the module that this user of the URL has used so far. A pinnable URL may give nothing else, unless
   * `checksum` names it: then somebody wants it.
   */
  readonly pinned?: string | undefined;
}

export interface Policy {
  /** @throws MODULE_CHECKSUM, MODULE_CHANGED, MODULE_UNSIGNED, MODULE_SIGNATURE, and what `prove` throws */
  check(module: FlightModule, wanted: Wanted): Promise<void>;
}

export interface PolicyOptions {
  /** Absent: modules need no signature. */
  readonly keys?: VerificationKeys | undefined;
  /** Shows that the module can be run, as far as that is known without running it. */
  prove?(module: FlightModule): Promise<void>;
}

export function createPolicy({ keys, prove }: PolicyOptions): Policy {
  const proven = new WeakMap<FlightModule, Promise<void>>();
  const proof = async (module: FlightModule) => {
    if (keys !== undefined) verifySignature(module, keys);
    await prove?.(module);
  };
  return {
    async check(module, wanted) {
      checkDigest(module, wanted);
      const known = proven.get(module) ?? proof(module);
      proven.set(module, known);
      // A failure may be the machine's.
      await known.catch((error: unknown) => {
        proven.delete(module);
        throw error;
      });
    },
  };
}

function checkDigest({ digest }: FlightModule, { url, checksum, pinned }: Wanted): void {
  const wanted = checksum ?? inferredChecksum(url);
  if (wanted !== undefined && wanted.toLowerCase() !== digest) {
    throw moduleErrors.MODULE_CHECKSUM({ wanted, got: digest });
  }
  if (checksum !== undefined || pinned === undefined || pinned === digest) return;
  if (pinnable(url)) throw moduleErrors.MODULE_CHANGED({ url: shownUrl(url) });
}
