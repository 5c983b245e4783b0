/** What the table in docs/compatibility.md says beside a scenario's result. */

declare module "vitest" {
  interface TaskMeta {
    /** Why the scenario asserts something else than yoke does. */
    differs?: string;
  }
}

/** Marks a scenario, as its test's options, that asserts what this controller does instead, and says why. */
export const differs = (why: string) => ({ meta: { differs: why } });
