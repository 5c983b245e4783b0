/**
 * Kinds by the names that kubectl users write: `backend`, `backends`, `be`, `backends.examples.com`, `Backend`,
 * `backends.v1.examples.com`. Source: aggregated discovery (Kubernetes ≥ 1.30), two requests for all kinds.
 */

import type { KubeClient } from "../kube/client.ts";
import { parseJson } from "../kube/discovery.ts";
import { answerError } from "../kube/errors.ts";
import type { ResourceType } from "../kube/object.ts";
import { errors } from "./errors.ts";

export interface NamedType extends ResourceType {
  readonly singular: string;
  readonly shortNames: readonly string[];
}

const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/** @throws CLI_KIND_UNKNOWN, and what the API server says */
export async function resolveKind({ transport }: Pick<KubeClient, "transport">, text: string): Promise<ResourceType> {
  const all: NamedType[] = [];
  for (const path of ["/api", "/apis"]) {
    const request = { method: "GET", path, headers: { accept } };
    const response = await transport.request(request);
    if (response.status !== 200) throw answerError(request, response);
    all.push(...typesIn(parseJson(request, response.body)));
  }
  const found = findType(all, text);
  if (found === undefined) throw errors.CLI_KIND_UNKNOWN({ kind: text });
  const { group, version, apiVersion, kind, plural, namespaced } = found;
  return { group, version, apiVersion, kind, plural, namespaced };
}

/** The first match; the API server names its groups and versions in the order of their priority. */
export function findType(types: readonly NamedType[], text: string): NamedType | undefined {
  const wanted = text.toLowerCase();
  return types.find(type => {
    const names = [type.plural, type.singular, type.kind.toLowerCase(), ...type.shortNames];
    return names.some(name =>
      [name, `${name}.${type.group}`, `${name}.${type.version}.${type.group}`].includes(wanted),
    );
  });
}

/** APIGroupDiscoveryList, as far as it is used. */
interface Discovered {
  items?: {
    metadata?: { name?: string };
    versions?: {
      version: string;
      resources?: {
        resource: string;
        responseKind?: { kind?: string };
        scope?: string;
        singularResource?: string;
        shortNames?: string[];
      }[];
    }[];
  }[];
}

export function typesIn(list: unknown): NamedType[] {
  const { items = [] } = list as Discovered;
  return items.flatMap(({ metadata, versions = [] }) => {
    const group = metadata?.name ?? "";
    return versions.flatMap(({ version, resources = [] }) =>
      resources.map(({ resource, responseKind, scope, singularResource = "", shortNames = [] }) => ({
        ...{ group, version, apiVersion: group === "" ? version : `${group}/${version}` },
        ...{ kind: responseKind?.kind ?? "", plural: resource, namespaced: scope === "Namespaced" },
        ...{ singular: singularResource, shortNames },
      })),
    );
  });
}
