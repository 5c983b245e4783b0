import type { Settings } from "../config.ts";
import { existingSubstrate } from "./existing.ts";
import { kindSubstrate } from "./kind.ts";
import { localSubstrate } from "./local.ts";
import type { Substrate, Wanted } from "./substrate.ts";

/** The substrate that the configuration names. */
export function createSubstrate(settings: Settings, wanted: Wanted): Substrate {
  switch (settings.substrate) {
    case "kind":
      return kindSubstrate(settings, wanted);
    case "local":
      return localSubstrate(settings, wanted);
    case "existing":
      return existingSubstrate(settings, wanted);
  }
}
