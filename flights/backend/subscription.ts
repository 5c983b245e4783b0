/**
 * The demo for Airways in mode `subscription`: the Secret belongs to External Secrets and is looked up, not rendered.
 */
import { defineFlight, lookup, Secret } from "../sdk/index.ts";
import { backend, deployment, externalSecret } from "./flight.ts";

export default defineFlight({
  ...backend,
  render({ name, namespace, spec }) {
    const secret = lookup(Secret, name);
    return [
      externalSecret({ name, namespace, spec, creationPolicy: "Owner" }),
      deployment({ name, namespace, spec, secret }),
    ];
  },
});
