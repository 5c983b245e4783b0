import { expect, it } from "vitest";
import { parse } from "yaml";
import { kubeconfigOf } from "./kubeconfig.ts";

it("is complete in itself", () => {
  const text = kubeconfigOf("demo", "https://127.0.0.1:6443", { ca: "CA\n", cert: "CERT\n", key: "KEY\n" });
  const config = parse(text);
  expect(config).toMatchObject({
    "current-context": "demo",
    contexts: [{ name: "demo", context: { cluster: "demo", user: "demo" } }],
    clusters: [{ name: "demo", cluster: { server: "https://127.0.0.1:6443" } }],
  });
  const decode = (base64: string) => Buffer.from(base64, "base64").toString();
  expect(decode(config.clusters[0].cluster["certificate-authority-data"])).toBe("CA\n");
  expect(decode(config.users[0].user["client-certificate-data"])).toBe("CERT\n");
  expect(decode(config.users[0].user["client-key-data"])).toBe("KEY\n");
});
