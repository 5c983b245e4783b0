import { defineErrors } from "../../lib/errors.ts";

/** What can be wrong with a flight when it is built. */
export const errors = defineErrors({
  FLIGHT_SCHEMA_UNSUPPORTED: {
    message: (f: { path: string; what: string }) => `schema of the flight, at ${f.path}: ${f.what}`,
    todo: "Change the zod schema there: a CRD holds what can be written as a structural OpenAPI schema.",
  },
  FLIGHT_BUILD_FAILED: {
    message: (f: { entry: string; why: string }) => `the flight ${f.entry} cannot be built: ${f.why}`,
    todo: "Correct the flight; its default export is what defineFlight(), defineProgram() or defineConverter() returns.",
  },
  FLIGHT_BUNDLE_TOO_LARGE: {
    message: (f: { entry: string; bytes: number; limit: number }) =>
      `the flight ${f.entry} has ${f.bytes} bytes when built; at most ${f.limit} fit into a ConfigMap`,
    todo: 'Import less: `import * as z from "zod"` takes 90 kB where `import { z } from "zod"` takes 450 kB.',
  },
});
