/** An instance of an Airway's kind as the owner of a release. */

import type { ActiveAirway } from "./activeAirway.ts";
import type { Context } from "./context.ts";
import { instanceKey } from "./keys.ts";
import type { Owner } from "./owner.ts";
import { instanceReleaseName, instanceReleaseSpec } from "./releaseSpec.ts";

export function instanceOwner(
  context: Context,
  airway: ActiveAirway,
  target: { readonly namespace: string; readonly name: string },
): Owner {
  const { instances } = airway;
  const key = instanceKey(airway.name, target.namespace, target.name);
  return {
    key,
    type: instances.type,
    name: instanceReleaseName(instances.type, target),
    airway: airway.name,
    access: context,
    reference: airway.reference,
    object: () => instances.get(key),
    input: () => instances.inputOf(key),
    observe: object => instances.observe(object),
    mode: () => airway.serving?.spec.mode,
    async spec() {
      const { serving } = airway;
      return serving === undefined ? undefined : instanceReleaseSpec(serving.spec, serving.flight);
    },
    prune: () => airway.serving?.spec.prune ?? { crds: false, namespaces: false },
  };
}
