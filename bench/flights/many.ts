/** As many Deployments as the instance asks for: what flights of real size cost. */
import * as z from "zod";
import { Deployment, defineFlight } from "../../flights/sdk/index.ts";

export default defineFlight({
  group: "bench.example.com",
  kind: "Many",
  spec: z.object({ objects: z.int(), image: z.string() }),
  render({ name, namespace, spec }) {
    return Array.from({ length: spec.objects }, (_, index) => {
      const labels = { app: `${name}-${index}` };
      return Deployment({
        metadata: { name: labels.app, namespace, labels },
        spec: {
          replicas: 2,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers: [{ name: "main", image: spec.image }] } },
        },
      });
    });
  },
});
