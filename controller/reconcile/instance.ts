/** An instance of an Airway's kind as the owner of a release. */

import { effectiveMode } from "../admission/overrides.ts";
import { accountOf } from "../airway/account.ts";
import type { ActiveAirway } from "./activeAirway.ts";
import type { Context } from "./context.ts";
import { instanceKey } from "./keys.ts";
import { overridingFlight, refuseUnguarded } from "./overrides.ts";
import type { Owner } from "./owner.ts";
import { forgetOwnModule, loadOwnModule } from "./ownModule.ts";
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
    access: context.accesses.of(accountOf(airway.serviceAccountName, target.namespace)),
    reference: airway.reference,
    object: () => instances.get(key),
    input: () => instances.inputOf(key),
    observe: object => instances.observe(object),
    mode() {
      const object = instances.get(key);
      return airway.serving && object && effectiveMode(airway.serving.spec.mode, object);
    },
    async spec(object) {
      const { serving } = airway;
      if (serving === undefined) return undefined;
      const { spec, flight } = serving;
      const of = instanceReleaseSpec(spec, flight);
      const mode = effectiveMode(spec.mode, object);
      refuseUnguarded(mode, context);
      const url = overridingFlight(object, context);
      if (url === undefined || url === spec.flightUrl) {
        forgetOwnModule(context, key);
        return { ...of, mode };
      }
      // The checksum is that of the Airway's module; an override may bring its own in the URL.
      const own = await loadOwnModule(context, key, object, { url, insecure: spec.insecure });
      return { ...of, ...own, mode, moduleUrl: url, moduleChecksum: undefined };
    },
    prune: () => airway.serving?.spec.prune ?? { crds: false, namespaces: false },
    fields: () => ({}),
  };
}
