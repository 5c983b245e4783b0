/** A URL whose module must stay the one that the release used last (contract §7), as the kept revisions name it. */

import { createHash } from "node:crypto";
import type { FlightModule } from "../flight/sandbox.ts";
import { moduleErrors } from "../modules/errors.ts";
import { pinnable, shownUrl } from "../modules/url.ts";
import { isRevisionOf, type RevisionSource, readRevision } from "../release/revision.ts";
import { type HistoryContext, namesOf, pendingSecret, type Subject } from "./history.ts";
import type { ReleaseSpec } from "./releaseSpec.ts";
import { readRevisionSecret } from "./revisionSecrets.ts";

/**
 * Whether the module is the one that was at this URL when the release used it last. A checksum says that this very
 * module is meant.
 *
 * @throws MODULE_CHANGED
 */
export async function checkPin(
  context: Pick<HistoryContext, "client">,
  subject: Subject,
  spec: Pick<ReleaseSpec, "module" | "moduleUrl" | "moduleChecksum">,
): Promise<void> {
  if (spec.moduleChecksum !== undefined || !pinnable(spec.moduleUrl)) return;
  const { url, checksum } = sourceOf(spec);
  const kept = await keptSources(context, subject);
  const last = kept.find(source => source.url === url);
  if (last !== undefined && last.checksum !== checksum) throw moduleErrors.MODULE_CHANGED({ url: shownUrl(url) });
}

/** The modules that rendered the kept revisions, that of the active one first; read once per process. */
async function keptSources(
  context: Pick<HistoryContext, "client">,
  subject: Subject,
): Promise<readonly RevisionSource[]> {
  const { record, history } = subject.state;
  if (history.sources !== undefined) return history.sources;
  const names = namesOf(record.revision);
  const found = await Promise.all(
    names.map(
      name => pendingSecret(history, name) ?? readRevisionSecret(context, subject, name, { metadataOnly: true }),
    ),
  );
  const kept = found
    .filter(object => object !== undefined)
    .filter(object => isRevisionOf(object, subject.name.history));
  history.sources = kept.map(object => readRevision(object).source);
  return history.sources;
}

/** The module that renders now, as revisions name it. */
export function sourceOf({ moduleUrl, module }: Pick<ReleaseSpec, "moduleUrl" | "module">): RevisionSource {
  const checksum = sha1s.get(module) ?? createHash("sha1").update(module.bytes).digest("hex");
  sha1s.set(module, checksum);
  return { url: moduleUrl, checksum };
}

/** Counted once for each module, which may have 20 MB. */
const sha1s = new WeakMap<FlightModule, string>();
