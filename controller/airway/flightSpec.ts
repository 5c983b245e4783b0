/** A Flight or ClusterFlight as the controller uses it: every field checked, every default applied (contract §1.2). */
import { z } from "zod";
import type { KubeObject } from "../kube/object.ts";
import { checkAccount, type Execution, executionOf, executionShape, parseSpec, text } from "./execution.ts";

export interface FlightSpec extends Execution {
  url: string;
  /** sha256 hex of the uncompressed module. */
  checksum?: string;
  /** What the flight reads on stdin. */
  input: string;
  args: string[];
}

const shape = executionShape.extend({
  wasmUrl: text,
  checksum: z.string().optional(),
  input: z.string().optional(),
  inputObject: z.looseObject({}).optional(),
  args: z.array(z.string()).default([]),
});

/** @throws AIRWAY_FIELD_INVALID, AIRWAY_DURATION_INVALID; each names the field */
export function parseFlight(object: KubeObject): FlightSpec {
  const { namespace, name } = object.metadata;
  const of = `${object.kind} ${namespace ? `${namespace}/` : ""}${name}`;
  const spec = parseSpec(of, shape, object["spec"]);
  checkAccount(of, spec.serviceAccountName, object.kind === "ClusterFlight" ? "with" : "without");
  return {
    ...executionOf(of, spec),
    url: spec.wasmUrl,
    ...(spec.checksum ? { checksum: spec.checksum } : {}),
    input: inputOf(spec),
    args: spec.args,
  };
}

/** A text that is not empty wins over the object; neither gives an empty input. */
function inputOf({ input, inputObject }: z.output<typeof shape>): string {
  if (input !== undefined && input !== "") return input;
  return inputObject === undefined ? "" : JSON.stringify(inputObject);
}
