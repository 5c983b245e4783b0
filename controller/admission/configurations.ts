/**
 * The ValidatingWebhookConfigurations, as data. Which there are and what happens while nobody answers:
 * docs/decisions/0009-admission.md. Match conditions are CEL, which the API server evaluates before it calls, so a write
 * that concerns nobody costs no call.
 */
import { controllerMark } from "../airway/account.ts";
import type { AirwaySpec } from "../airway/spec.ts";
import type { KubeObject, OwnerReference } from "../kube/object.ts";
import { managedBy, managedByLabel } from "../release/normalise.ts";
import { overrideAnnotations } from "./overrides.ts";
import { ownershipAnnotations } from "./ownership.ts";
import { type ClientConfig, clientConfig, type Endpoint } from "./reach.ts";

export interface WebhookFacts extends Endpoint {
  /** Name of the controller's own account. */
  readonly username: string;
}

export interface Webhook {
  readonly name: string;
  readonly clientConfig: ClientConfig;
  readonly rules: readonly Rule[];
  readonly failurePolicy: "Fail" | "Ignore";
  readonly matchPolicy: "Exact" | "Equivalent";
  readonly timeoutSeconds: number;
  readonly matchConditions?: readonly MatchCondition[];
  readonly objectSelector?: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly namespaceSelector?: unknown;
  readonly sideEffects: "None";
  readonly admissionReviewVersions: readonly ["v1"];
}

interface Rule {
  readonly apiGroups: readonly string[];
  readonly apiVersions: readonly string[];
  readonly operations: readonly ("CREATE" | "UPDATE" | "DELETE")[];
  readonly resources: readonly string[];
  readonly scope: "*" | "Cluster" | "Namespaced";
}

interface MatchCondition {
  readonly name: string;
  readonly expression: string;
}

/** A kind of child, and for static releases where its objects are. */
export interface ChildKind {
  readonly group: string;
  readonly plural: string;
}

export interface ChildKinds {
  /** Of releases in static mode. */
  readonly guarded: readonly ChildKind[];
  /** Of the others. */
  readonly others: readonly ChildKind[];
  /** Where guarded objects are; scaling is looked at only there. */
  readonly namespaces: readonly string[];
}

/** As the routes know them; the API server is told each with a segment in front (callerPath.ts). */
export const paths = {
  airway: "/validations/airways.yoke.cd",
  flight: "/validations/flights.yoke.cd",
  resources: "/validations/resources",
  instance: "/validations/",
  overrides: "/overrides/",
  conversion: "/crdconvert/",
} as const;

export const airwayConfiguration = "atc-airway";
export const flightConfiguration = "atc-flight";
export const resourcesConfiguration = "atc-resources";
export const ownConfigurations = [airwayConfiguration, flightConfiguration, resourcesConfiguration] as const;

/** By which the configurations are watched. */
const configurationLabel = { "atc.yoke.cd/webhooks": "true" };
/** Finds them, whichever Airway they are of. */
export const configurationSelector = "atc.yoke.cd/webhooks=true";

/** Kubernetes cuts webhook calls off at 30 s at the latest. */
const longestSeconds = 30;
/** What the dry-run takes besides the flight. */
const dryRunSeconds = 5;

export function airwayWebhooks(facts: WebhookFacts): KubeObject {
  const webhook = validating(facts, "airways.yoke.cd", paths.airway, {
    rules: [rule("yoke.cd", "v1alpha1", ["airways"], ["CREATE", "UPDATE"], "Cluster")],
    matchPolicy: "Equivalent",
    timeoutSeconds: longestSeconds,
    matchConditions: [specChanged],
  });
  return configuration(airwayConfiguration, [webhook]);
}

export function flightWebhooks(facts: WebhookFacts): KubeObject {
  const webhook = validating(facts, "flights.yoke.cd", paths.flight, {
    rules: [rule("yoke.cd", "v1alpha1", ["flights", "clusterflights"], ["CREATE", "UPDATE"], "*")],
    timeoutSeconds: longestSeconds,
    matchConditions: [notTheController(facts), specChanged],
  });
  return configuration(flightConfiguration, [webhook]);
}

/** Of the children of all releases; with no kinds it stands there and does nothing. */
export function resourceWebhooks(facts: WebhookFacts, kinds: ChildKinds): KubeObject {
  const ours = { objectSelector: { matchLabels: { [managedByLabel]: managedBy } } };
  const common = { timeoutSeconds: 5, matchConditions: [notTheController(facts)] };
  const webhooks: Webhook[] = [];
  if (kinds.guarded.length > 0) {
    const rules = kinds.guarded.map(kind =>
      rule(kind.group, "*", [kind.plural, ...bodiesOf(kind)], ["UPDATE", "DELETE"], "*"),
    );
    webhooks.push(validating(facts, "resources.yoke.cd", paths.resources, { ...common, ...ours, rules }));
    const scaling = kinds.guarded.map(kind => rule(kind.group, "*", [`${kind.plural}/scale`], ["UPDATE"], "*"));
    webhooks.push(
      // A Scale has no labels of its object's.
      validating(facts, "scale.resources.yoke.cd", paths.resources, {
        ...common,
        rules: scaling,
        namespaceSelector: inNamespaces(kinds.namespaces),
      }),
    );
  }
  // A write of status may change annotations, too, of kinds that are not custom ones.
  const rules = [
    ...kinds.guarded.map(kind => rule(kind.group, "*", [`${kind.plural}/status`], ["UPDATE"], "*")),
    ...kinds.others.map(kind => rule(kind.group, "*", [kind.plural, `${kind.plural}/status`], ["UPDATE"], "*")),
  ];
  if (rules.length > 0) {
    const matchConditions = [...common.matchConditions, ownershipChanged];
    const options = { ...common, ...ours, rules, matchConditions };
    webhooks.push(validating(facts, "annotations.resources.yoke.cd", paths.resources, options));
  }
  return configuration(resourcesConfiguration, webhooks);
}

/** One per Airway, with its name: validation of its instances, and the gate before the override annotations. */
export function instanceWebhooks(facts: WebhookFacts, spec: AirwaySpec, owner: OwnerReference): KubeObject {
  const { group, plural, storageVersion, template, timeoutMs } = spec;
  const stored = template.versions.find(({ name }) => name === storageVersion);
  const served = template.versions.filter(version => version.served).map(({ name }) => name);
  const rules = [
    // One version stands for all: the API server converts into it, which is the one that flights see.
    rule(group, stored?.served ? [storageVersion] : served, [plural], ["CREATE", "UPDATE"], spec.scope),
  ];
  const flightSeconds = timeoutMs === undefined ? longestSeconds : Math.ceil(timeoutMs / 1000);
  const name = `${plural}.${group}`;
  const matchPolicy = "Equivalent";
  const validation = validating(facts, name, `${paths.instance}${name}`, {
    rules,
    matchPolicy,
    timeoutSeconds: Math.min(longestSeconds, Math.max(10, flightSeconds + dryRunSeconds)),
    matchConditions: [notTheController(facts), inputChanged],
  });
  const gate = validating(facts, `overrides.${name}`, `${paths.overrides}${name}`, {
    rules,
    matchPolicy,
    failurePolicy: "Fail",
    timeoutSeconds: 10,
    matchConditions: [overrideWithoutRight],
  });
  const { metadata, ...rest } = configuration(name, [validation, gate]);
  return { ...rest, metadata: { ...metadata, ownerReferences: [owner] } };
}

function configuration(name: string, webhooks: readonly Webhook[]): KubeObject {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name, labels: configurationLabel },
    webhooks,
  };
}

function validating(
  facts: WebhookFacts,
  name: string,
  path: string,
  options: Partial<Webhook> & Pick<Webhook, "rules" | "timeoutSeconds">,
): Webhook {
  return {
    name,
    clientConfig: clientConfig(facts, path),
    failurePolicy: "Ignore",
    matchPolicy: "Exact",
    sideEffects: "None",
    admissionReviewVersions: ["v1"],
    ...options,
  };
}

function rule(
  apiGroup: string,
  apiVersions: string | readonly string[],
  resources: readonly string[],
  operations: Rule["operations"],
  scope: Rule["scope"],
): Rule {
  const versions = typeof apiVersions === "string" ? [apiVersions] : apiVersions;
  return { apiGroups: [apiGroup], apiVersions: versions, operations, resources, scope };
}

/** Subresources whose body is the object, and which change more than status. */
function bodiesOf({ group, plural }: ChildKind): string[] {
  return group === "" && plural === "pods" ? ["pods/ephemeralcontainers", "pods/resize"] : [];
}

function inNamespaces(values: readonly string[]): unknown {
  const key = "kubernetes.io/metadata.name";
  // An empty list of values is refused.
  if (values.length === 0) return { matchExpressions: [{ key, operator: "DoesNotExist" }] };
  return { matchExpressions: [{ key, operator: "In", values }] };
}

/** Neither by its own name nor with the rights of an account. */
function notTheController({ username }: WebhookFacts): MatchCondition {
  const isOther = `request.userInfo.username != ${JSON.stringify(username)}`;
  const isUnmarked = `!request.userInfo.?extra[?'${controllerMark.key}'].hasValue()`;
  return { name: "not-the-controller", expression: `${isOther} && ${isUnmarked}` };
}

/** The generation counts every change but those of status and metadata. */
const notDeleting = "!has(object.metadata.deletionTimestamp)";
const generationChanged = "object.metadata.generation != oldObject.metadata.generation";
const isCreate = "request.operation == 'CREATE'";

const specChanged: MatchCondition = {
  name: "spec-changed",
  expression: `${isCreate} || (${notDeleting} && ${generationChanged})`,
};

const differs = (field: string) => `object.metadata.?${field}.orValue({}) != oldObject.metadata.?${field}.orValue({})`;

const inputChanged: MatchCondition = {
  name: "input-changed",
  expression: `${isCreate} || (${notDeleting} && (${[generationChanged, differs("labels"), differs("annotations")].join(" || ")}))`,
};

const annotation = (of: "object" | "oldObject", name: string) => `${of}.metadata.?annotations[?'${name}'].orValue('')`;

const changesAnnotation = (name: string) =>
  `${annotation("object", name)} != (${isCreate} ? '' : ${annotation("oldObject", name)})`;

/** The API server's own word on who may; those who may never wait for the controller. */
const overrideWithoutRight: MatchCondition = {
  name: "override-without-right",
  expression: `${notDeleting} && (${overrideAnnotations.map(changesAnnotation).join(" || ")}) && !authorizer.group('yoke.cd').resource('airways').check('update').allowed()`,
};

const ownershipChanged: MatchCondition = {
  name: "ownership-changed",
  expression: ownershipAnnotations
    .map(name => `${annotation("object", name)} != ${annotation("oldObject", name)}`)
    .join(" || "),
};
