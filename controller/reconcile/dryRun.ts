/**
 * The trial render of an admission: the flight runs as it would, and the API server is asked about every object
 * (`trial.ts`), so that a mistake is told to whoever makes it. Nothing is recorded, nothing waits.
 */

import type { CodedError } from "../../lib/errors.ts";
import type { Sandbox } from "../flight/sandbox.ts";
import { readRecord } from "../release/record.ts";
import type { Access } from "./context.ts";
import { reconcileErrors } from "./errors.ts";
import { emptyHistory } from "./history.ts";
import { checkPin } from "./modulePin.ts";
import { type RenderInput, redacted, render } from "./render.ts";
import { tryStages } from "./trial.ts";

/** @throws what the flight or the API server finds wrong; DRY_RUN_REFUSED for several objects at once */
export async function dryRun(context: Access & { readonly sandbox: Sandbox }, input: RenderInput): Promise<void> {
  const { object, name, spec } = input;
  await checkPin(context, { object, name, state: { record: readRecord(object), history: emptyHistory() } }, spec);
  const { stages, redact } = await render(context, input);
  const trials = await tryStages(context, name.owner, stages, { metadataOnly: true });
  const problems = trials.flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
  const [first, ...more] = problems.map(problem => redacted(problem, redact) as CodedError);
  if (first === undefined) return;
  if (more.length === 0) throw first;
  throw reconcileErrors.DRY_RUN_REFUSED({ problems: [first, ...more].map(({ message }) => message).sort() });
}
