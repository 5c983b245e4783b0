/** What the webhooks ask for (`admission/handlers.ts`), done with what the loops have: modules, sandbox, trial render. */

import { CodedError } from "../../lib/errors.ts";
import { admissionErrors } from "../admission/errors.ts";
import type { AdmissionWork } from "../admission/handlers.ts";
import { airwayAccess, annotationOf, overrideFlight } from "../admission/overrides.ts";
import type { ClientConfig } from "../admission/reach.ts";
import type { ResourceFacts } from "../admission/resources.ts";
import type { AdmissionRequest } from "../admission/review.ts";
import { type Account, accountOf, controllerMark } from "../airway/account.ts";
import { instanceCrd } from "../airway/crd.ts";
import { parseFlight } from "../airway/flightSpec.ts";
import { type AirwaySpec, type Mode, parseAirway } from "../airway/spec.ts";
import type { FlightModule, Sandbox } from "../flight/sandbox.ts";
import { type KubeClient, resourcePath } from "../kube/client.ts";
import { answerError, isKubeError, KubeError } from "../kube/errors.ts";
import type { KubeObject, ObjectRef, ResourceType } from "../kube/object.ts";
import type { ModuleRequest, ModuleStore, ReadConfigMap } from "../modules/store.ts";
import { shownUrl } from "../modules/url.ts";
import { fieldManager } from "../release/fields.ts";
import { clientAs } from "./accesses.ts";
import type { Serving } from "./activeAirway.ts";
import { loadConverter, loadFlight, readConfigMap } from "./airwayFlight.ts";
import type { Access } from "./context.ts";
import { dryRun } from "./dryRun.ts";
import { reconcileErrors } from "./errors.ts";
import { flightAccount, flightKinds, flightReleaseName, flightReleaseSpec } from "./flight.ts";
import { instanceReleaseName, instanceReleaseSpec } from "./releaseSpec.ts";
import type { RenderInput } from "./render.ts";
import { checkPinned, pinnedRevision } from "./rollback.ts";

/** What the loops know of the Airways; the same on replicas that stand by. */
export interface AirwayView {
  readonly access: Access;
  readonly modules: ModuleStore;
  all(): Iterable<KubeObject>;
  /** What renders its instances now. undefined: nothing (yet). */
  serving(airway: string): Serving | undefined;
  /** undefined: it has none. */
  converter(airway: string, signal: AbortSignal): Promise<FlightModule | undefined>;
  /** The API server has to be told another CA bundle. */
  trustChanged(): void;
  /** The webhooks of an Airway can be registered from now on, or cannot any more. */
  registrationChanged(airway: string): void;
}

export interface ReviewOptions {
  readonly view: AirwayView;
  /** May write although this replica stands by: only dry-runs and reviews are sent. */
  readonly client: KubeClient;
  readonly sandbox: Sandbox;
  /** Its own, because a flight may look up what has to be converted first. */
  readonly converters: Sandbox;
  /** Name of the controller's account. */
  readonly username: () => string;
  converterConfig(airway: string): ClientConfig;
}

const converterTimeoutMs = 10_000;
const unboundedMib = 4096;

export function admissionWork(options: ReviewOptions): AdmissionWork {
  const { view, client, sandbox } = options;
  /** What one owner names for itself: asked for anew, and not watched. */
  const load = async (of: ModuleRequest, signal: AbortSignal) => {
    const readFrom: ReadConfigMap = at => readConfigMap(at, ref => client.get(ref, { signal }));
    const request = { ...of, fresh: true, readConfigMap: readFrom, signal };
    return (await view.modules.load(request)).module;
  };
  const trial = (account: Account | undefined, input: RenderInput) =>
    dryRun({ ...view.access, client: clientAs(client, account), sandbox }, input);
  return {
    mayOverride: airwayAccess(client),
    resources: resourceFacts(options),

    async checkAirway(airway, signal) {
      const spec = parseAirway(airway);
      const { flightUrl, converter } = spec;
      const read = (ref: ObjectRef) => client.get(ref, { signal });
      await named("flight", flightUrl, loadFlight(view.modules, airway, spec, read));
      await named("converter", converter?.url ?? "", loadConverter(view.modules, spec, read));
      const config = converter && options.converterConfig(airway.metadata.name);
      // Without force, as it will be applied.
      await client.apply(instanceCrd(airway, spec, config), { fieldManager, force: false, dryRun: true, signal });
    },

    async checkFlight(object, signal) {
      const spec = parseFlight(object);
      const { url, checksum, insecure } = spec;
      const module = await load({ url, checksum, insecure }, signal);
      const revision = pinnedRevision(object);
      if (revision !== undefined) return checkPinned(object, revision);
      const type = flightKinds.find(of => of.type.kind === object.kind)?.type;
      if (type === undefined) return;
      const { namespace = "", name, uid = "" } = object.metadata;
      await trial(flightAccount(type, object), {
        ...{ type, object, signal },
        name: flightReleaseName(type, { namespace, name, uid }),
        spec: flightReleaseSpec(type, spec, { module, lookAgainMs: undefined }),
      });
    },

    async checkInstance(airway, object, signal) {
      const serving = view.serving(airway);
      if (serving === undefined) throw reconcileErrors.FLIGHT_NOT_LOADED({ airway });
      const { spec } = serving;
      const url = annotationOf(object, overrideFlight);
      const { insecure } = spec;
      const flight = url === "" ? serving.flight : await load({ url, insecure }, signal);
      if (spec.skipAdmissionWebhook) return;
      const revision = pinnedRevision(object);
      // The way back from a flight that fails must not lead through it.
      if (revision !== undefined) return checkPinned(object, revision);
      const type = typeOf(spec);
      const { namespace = "", name } = object.metadata;
      await trial(accountOf(spec.serviceAccountName, namespace), {
        ...{ type, object, signal },
        name: instanceReleaseName(type, { namespace, name }),
        spec: { ...instanceReleaseSpec(spec, flight), ...(url === "" ? {} : { moduleUrl: url }) },
      });
    },

    convert: (airway, review, signal) => convert(options, airway, review, signal),
  };
}

function typeOf(spec: AirwaySpec): ResourceType {
  const { group, kind, plural, apiVersion, storageVersion: version, scope } = spec;
  return { group, version, apiVersion, kind, plural, namespaced: scope === "Namespaced" };
}

/** The module's own error with the kind of URL before it; what is the API server's fault stays as it is. */
async function named(what: "flight" | "converter", url: string, loading: Promise<unknown>): Promise<void> {
  await loading.catch((error: unknown) => {
    if (!(error instanceof CodedError) || error instanceof KubeError) throw error;
    throw reconcileErrors.AIRWAY_MODULE_REFUSED({ what, url: shownUrl(url), why: error.message }, error);
  });
}

async function convert(
  { view, converters }: ReviewOptions,
  airway: string,
  review: string,
  signal: AbortSignal,
): Promise<string> {
  const module = await view.converter(airway, signal);
  if (module === undefined) throw admissionErrors.ADMISSION_CONVERSION_FAILED({ airway, why: "there is none" });
  const refusal = { state: "no-access", message: "a converter has no access to the cluster" } as const;
  const { exitCode, stdout, stderr } = await converters.run(
    {
      module,
      stdin: review,
      args: ["converter"],
      env: {},
      timeoutMs: converterTimeoutMs,
      maxMemoryMib: unboundedMib,
      group: airway,
      lookup: async () => refusal,
    },
    signal,
  );
  if (exitCode === 0) return stdout;
  const why = `it exited with ${exitCode}: ${stderr.trim() || "(it printed nothing to stderr)"}`;
  throw admissionErrors.ADMISSION_CONVERSION_FAILED({ airway, why });
}

function resourceFacts({ view, client, username }: ReviewOptions): ResourceFacts {
  const get = (ref: Parameters<ResourceFacts["get"]>[0], signal: AbortSignal) =>
    client.get(ref, { signal }).catch((error: unknown) => {
      // With its kind, an object is gone.
      if (isKubeError(error, "KUBE_UNKNOWN_KIND")) return undefined;
      throw error;
    });
  return {
    isOwn: ({ userInfo: { username: name, extra } }) =>
      name === username() || extra?.[controllerMark.key]?.includes(controllerMark.value) === true,
    airwayOf: groupKind => {
      for (const airway of view.all()) {
        const kind = instanceKind(airway);
        if (kind.groupKind === groupKind) return kind;
      }
      return undefined;
    },
    get,
    getParent: async ({ resource, namespace, name }, signal) => {
      const { group, version, resource: plural } = resource;
      const apiVersion = group === "" ? version : `${group}/${version}`;
      const type = { group, version, apiVersion, kind: "", plural, namespaced: namespace !== "" };
      const request = { method: "GET", path: resourcePath(type, namespace, name), signal };
      const answer = await client.transport.request(request);
      if (answer.status === 404) return undefined;
      if (answer.status !== 200) throw answerError(request, answer);
      return JSON.parse(answer.body) as KubeObject;
    },
    replicasPath: async (request, signal) => (await scaledPath(get, request, signal)) ?? ["spec", "replicas"],
  };
}

/** What a custom kind says of its scale subresource; built-in kinds have no CRD. */
async function scaledPath(
  get: ResourceFacts["get"],
  { resource: { group, resource, version } }: AdmissionRequest,
  signal: AbortSignal,
): Promise<string[] | undefined> {
  if (!group.includes(".") || group.endsWith(".k8s.io")) return undefined;
  const name = `${resource}.${group}`;
  const kind = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" };
  const crd = await get({ ...kind, namespace: "", name }, signal);
  const { versions = [] } = (crd?.["spec"] ?? {}) as {
    versions?: { name: string; subresources?: { scale?: { specReplicasPath?: string } } }[];
  };
  const path = versions.find(candidate => candidate.name === version)?.subresources?.scale?.specReplicasPath;
  return path?.split(".").filter(step => step !== "");
}

/** As far as it can be read of an Airway that may be broken. */
function instanceKind(airway: KubeObject): { groupKind: string; apiVersion: string; mode: Mode } {
  const { template, mode = "standard" } = (airway["spec"] ?? {}) as {
    template?: { group?: string; names?: { kind?: string }; versions?: { name?: string; storage?: boolean }[] };
    mode?: Mode;
  };
  const { group = "", names, versions = [] } = template ?? {};
  const version = versions.find(({ storage }) => storage === true)?.name ?? "";
  return { groupKind: `${names?.kind ?? ""}.${group}`, apiVersion: `${group}/${version}`, mode };
}
