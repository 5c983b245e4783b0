import { defineErrors } from "../../lib/errors.ts";

/** What can go wrong with being seen from outside. */
export const errors = defineErrors({
  OBSERVE_ADDRESS_IN_USE: {
    message: (f: { address: string }) => `health and metrics: ${f.address} is taken by another process`,
    todo: "Stop that process, or set METRICS_ADDRESS (--metrics-address) to a free one; port 0 takes any.",
  },
  OBSERVE_LISTEN_FAILED: {
    message: (f: { address: string; why: string }) => `health and metrics: cannot listen on ${f.address}: ${f.why}`,
    todo: "Set METRICS_ADDRESS (--metrics-address) to an address of this machine.",
  },
});
