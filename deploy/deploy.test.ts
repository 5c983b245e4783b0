/** The dashboard and the alerts, held against what the controller counts and what the runbook explains. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { createMetrics } from "../controller/observe/metrics.ts";
import { mentionsOf } from "./testing/promql.ts";

const root = resolve(import.meta.dirname, "..");
const read = (path: string) => readFileSync(resolve(root, path), "utf8");

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly targets?: readonly { readonly expr: string }[];
}
interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<string, string>>;
}

const dashboard = JSON.parse(read("deploy/grafana/atc.json")) as {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly definition?: string }[] };
};
const panels = dashboard.panels.filter(({ type }) => type !== "row");
const rules = (parse(read("deploy/prometheus/alerts.yaml")) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  group => group.rules,
);

/** What Prometheus adds to every sample. */
const targetLabels = ["job", "instance"];
const known = new Map(
  createMetrics()
    .describe()
    .flatMap(({ name, type, labels }): [string, readonly string[]][] => {
      if (type !== "histogram") return [[name, [...labels, ...targetLabels]]];
      const own = [...labels, ...targetLabels];
      return [
        [`${name}_bucket`, [...own, "le"]],
        [`${name}_sum`, own],
        [`${name}_count`, own],
      ];
    }),
);

/** The names in an expression that no sample has. */
function unknownIn(expression: string): string[] {
  const { metrics, grouping } = mentionsOf(expression);
  const labels = new Set(metrics.flatMap(({ metric }) => known.get(metric) ?? []));
  return [
    ...metrics.filter(({ metric }) => !known.has(metric)).map(({ metric }) => metric),
    ...metrics.flatMap(({ metric, labels: own }) => own.filter(label => !known.get(metric)?.includes(label))),
    ...grouping.filter(label => !labels.has(label)),
  ];
}

describe("the words of an expression", () => {
  it.each([
    ['sum by (job, result) (rate(atc_applies_total{job=~"$job", result!="a{b"}[$__rate_interval]))', []],
    [
      "histogram_quantile(0.99, sum by (le) (rate(atc_render_seconds_bucket[5m]))) > 7 * 24 and on (job) atc_leader",
      [],
    ],
    ["time() - atc_certificate_expiry_timestamp_seconds offset 5m", []],
    ["rate(atc_aplies_total[5m])", ["atc_aplies_total"]],
    ['atc_applies_total{reslt="conflict"}', ["reslt"]],
    ["sum by (le) (rate(atc_applies_total[5m]))", ["le"]],
    ["atc_render_seconds > 1", ["atc_render_seconds"]],
  ])("of %s", (expression, unknown) => {
    expect(unknownIn(expression)).toEqual(unknown);
  });

  it("have brackets that match", () => {
    for (const broken of ["sum(atc_leader", "sum(atc_leader]", "atc_leader)"]) {
      expect(() => mentionsOf(broken)).toThrow();
    }
  });
});

describe("the dashboard", () => {
  it.each(panels.map(panel => [panel.title, panel] as const))("shows what is counted: %s", (_, panel) => {
    const { description, targets = [] } = panel;
    expect(description).toMatch(/\.$/);
    expect(targets.length).toBeGreaterThan(0);
    for (const { expr } of targets) expect(unknownIn(expr)).toEqual([]);
  });

  it("offers values of labels that there are", () => {
    const queries = dashboard.templating.list.flatMap(({ definition }) => definition ?? []);
    expect(queries.length).toBeGreaterThan(0);
    for (const query of queries) {
      const [, series = "", label = ""] = /^label_values\((.*), (\w+)\)$/.exec(query) ?? [];
      expect(unknownIn(series)).toEqual([]);
      expect(known.get(mentionsOf(series).metrics[0]?.metric ?? "")).toContain(label);
    }
  });
});

describe("an alert", () => {
  const sections = [...read("docs/runbook.md").matchAll(/^## (\w+)$/gm)].map(([, title = ""]) => title);

  it.each(rules.map(rule => [rule.alert, rule] as const))("names what is counted and is explained: %s", (_, rule) => {
    const { alert, expr, labels, annotations } = rule;
    expect(unknownIn(expr)).toEqual([]);
    expect(["critical", "warning"]).toContain(labels.severity);
    expect(Object.keys(annotations).sort()).toEqual(["description", "runbook", "summary"]);
    expect(annotations["runbook"]).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
    const used = [...(annotations["description"] ?? "").matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label);
    const { grouping } = mentionsOf(expr);
    expect(used.filter(label => label !== undefined && !grouping.includes(label))).toEqual([]);
  });

  it("is for each section of the runbook", () => {
    expect(sections).toEqual(rules.map(({ alert }) => alert));
  });
});
