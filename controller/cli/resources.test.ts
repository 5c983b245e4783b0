import { expect, it } from "vitest";
import { findType, typesIn } from "./resources.ts";

function resource(plural: string, kind: string, shortNames: string[] = []) {
  return {
    resource: plural,
    responseKind: { kind },
    scope: "Namespaced",
    singularResource: kind.toLowerCase(),
    shortNames,
  };
}

const types = typesIn({
  items: [
    { metadata: {}, versions: [{ version: "v1", resources: [resource("secrets", "Secret")] }] },
    {
      metadata: { name: "apps" },
      versions: [{ version: "v1", resources: [resource("deployments", "Deployment", ["deploy"])] }],
    },
    {
      metadata: { name: "x.y" },
      versions: [{ version: "v2" }, { version: "v1", resources: [resource("backends", "Backend")] }],
    },
    { metadata: { name: "z.y" }, versions: [{ version: "v1", resources: [resource("backends", "Backend")] }] },
  ],
});

it.each([
  ["secret", "v1"],
  ["deploy", "apps/v1"],
  ["Deployment", "apps/v1"],
  ["deployments.apps", "apps/v1"],
  ["backend", "x.y/v1"],
  ["backends.z.y", "z.y/v1"],
  ["Backend.z.y", "z.y/v1"],
  ["backends.v1.x.y", "x.y/v1"],
])("%s is found as kubectl finds it", (text, apiVersion) =>
  expect(findType(types, text)).toMatchObject({ apiVersion }),
);

it.each(["", "backen", "backends.a.b", "backends.v2.x.y"])("%j is no kind", text =>
  expect(findType(types, text)).toBeUndefined(),
);
