/** Conversion between the versions of one kind. */
import type { Resource } from "./kinds.ts";

/** What a conversion gives; names and the like stay the object's. Labels, annotations and status stay if left out. */
export type Converted<T> = Omit<T, "apiVersion" | "kind" | "metadata" | "status"> & {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly status?: unknown;
};

/** The way of one version to the hub and back. */
export interface Spoke<Version, Hub> {
  toHub(object: Version): Converted<Hub>;
  fromHub(object: Hub): Converted<Version>;
}

export interface ConverterDefinition<Hub extends Resource, Versions extends Readonly<Record<string, Resource>>> {
  readonly group: string;
  readonly kind: string;
  /** The version that all others are converted to and from; best the stored one. */
  readonly hub: string;
  /** The others, by name. */
  readonly versions: { readonly [Name in keyof Versions]: Spoke<Versions[Name], Hub> };
}

export interface Converter {
  readonly type: "converter";
  readonly group: string;
  readonly kind: string;
  readonly hub: string;
  readonly versions: Readonly<Record<string, Spoke<Resource, Resource>>>;
}

/**
 * @example
 * export default defineConverter({
 *   group: "examples.com", kind: "Backend", hub: "v2",
 *   versions: {
 *     v1: {
 *       toHub: ({ spec }: BackendV1) => ({ spec: { img: spec.image } }),
 *       fromHub: ({ spec }: BackendV2) => ({ spec: { image: spec.img } }),
 *     },
 *   },
 * });
 */
export function defineConverter<Hub extends Resource, Versions extends Readonly<Record<string, Resource>>>(
  definition: ConverterDefinition<Hub, Versions>,
): Converter {
  return { ...definition, type: "converter", versions: definition.versions as unknown as Converter["versions"] };
}

/**
 * The object in another version.
 *
 * @param apiVersion such as `examples.com/v2`
 * @throws TypeError for another kind or an unknown version
 */
export function convert(converter: Converter, object: Resource, apiVersion: string): Resource {
  const { hub, kind } = converter;
  if (object.kind !== kind) throw new TypeError(`this converts ${kind}, not ${object.kind}`);
  const from = versionOf(converter, object.apiVersion);
  const to = versionOf(converter, apiVersion);
  if (from === to) return object;
  const inHub =
    from === hub ? object : merged(object, `${converter.group}/${hub}`, spoke(converter, from).toHub(object));
  return to === hub ? inHub : merged(inHub, apiVersion, spoke(converter, to).fromHub(inHub));
}

function versionOf({ group }: Converter, apiVersion: string): string {
  const [of, version = ""] = apiVersion.split("/");
  if (of !== group) throw new TypeError(`this converts kinds of ${group}, not ${apiVersion}`);
  return version;
}

function spoke({ versions, kind }: Converter, version: string): Spoke<Resource, Resource> {
  const found = Object.hasOwn(versions, version) ? versions[version] : undefined;
  if (!found) throw new TypeError(`${kind} has no version ${version} here`);
  return found;
}

function merged(object: Resource, apiVersion: string, converted: Converted<Resource>): Resource {
  const { labels, annotations, ...fields } = converted;
  const metadata = { ...object.metadata, ...(labels && { labels }), ...(annotations && { annotations }) };
  const status = "status" in object ? { status: object.status } : {};
  return { ...status, ...fields, apiVersion, kind: object.kind, metadata };
}

/** ConversionReview (apiextensions.k8s.io/v1), as far as a converter needs it. */
interface ConversionReview {
  readonly apiVersion: string;
  readonly kind: string;
  readonly request: {
    readonly uid: string;
    readonly desiredAPIVersion: string;
    readonly objects: readonly Resource[];
  };
}

/** Answers a ConversionReview: all objects in their order, or the failure of the first that cannot be converted. */
export function answerReview(converter: Converter, review: string): string {
  const { apiVersion, kind, request } = JSON.parse(review) as ConversionReview;
  const { uid, desiredAPIVersion, objects } = request;
  const response = { uid, ...converted(converter, objects, desiredAPIVersion) };
  return JSON.stringify({ apiVersion, kind, response });
}

function converted(converter: Converter, objects: readonly Resource[], apiVersion: string) {
  const convertedObjects: Resource[] = [];
  for (const object of objects) {
    try {
      convertedObjects.push(convert(converter, object, apiVersion));
    } catch (error) {
      const { namespace, name } = object.metadata;
      const which = `${object.kind} ${namespace ? `${namespace}/` : ""}${name}`;
      const message = `${which} cannot be converted to ${apiVersion}: ${error instanceof Error ? error.message : error}`;
      return { result: { status: "Failure", message }, convertedObjects: [] };
    }
  }
  return { result: { status: "Success" }, convertedObjects };
}
