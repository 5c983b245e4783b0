/** The CRDs of External Secrets, for a substrate where no Helm chart brings them. */
import { readFileSync } from "node:fs";
import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { parseAllDocuments } from "yaml";
import { Component } from "./component.ts";

type Crd = kubernetes.types.input.apiextensions.v1.CustomResourceDefinition & { metadata: { name: string } };

export class ExternalSecretsCrds extends Component {
  constructor(name: string, options: pulumi.ComponentResourceOptions) {
    super("ExternalSecretsCrds", name, options);
    const text = readFileSync(new URL("crds/external-secrets.yaml", import.meta.url), "utf8");
    for (const { metadata, spec } of parseAllDocuments(text).map(document => document.toJS() as Crd)) {
      const annotations = { "pulumi.com/waitFor": "condition=Established" };
      new kubernetes.apiextensions.v1.CustomResourceDefinition(
        metadata.name,
        { metadata: { ...metadata, annotations }, spec },
        this.child,
      );
    }
    this.registerOutputs();
  }
}
