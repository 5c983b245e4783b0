/**
 * Modules on disk, so that a restart needs no network.
 *
 * A file per URL, in yoke's format: gzip, named by the sha1 of the URL. Beside it `<name>.json` says which content it
 * must have, and how to ask whether it has changed. What does not fit together is not used. Files are written aside and
 * renamed, so a reader never sees half of one.
 */
import { createHash, randomUUID } from "node:crypto";
import { lstat, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { z } from "zod";
import { jsonOf } from "../../lib/json.ts";
import type { FlightModule } from "../flight/loader.ts";
import type { Validator } from "./source.ts";
import { isGzip, unpack } from "./unpack.ts";

export interface CachedModule {
  /** Not packed. */
  readonly bytes: Uint8Array;
  /** Undefined: the file is yoke's, or asking again is all that can be done. */
  readonly validator: Validator | undefined;
}

export interface DiskCache {
  /** Undefined where there is none that can be trusted. Never throws. */
  read(key: string): Promise<CachedModule | undefined>;
  /** Never throws: without a cache the module is fetched again. */
  write(key: string, module: FlightModule, validator: Validator): Promise<void>;
}

export interface DiskCacheOptions {
  readonly folder: string;
  onError(error: unknown): void;
}

/** Files that are kept. */
const mostFiles = 128;

const note = z.object({ sha256: z.string(), validator: z.record(z.string(), z.string()) });

export function createDiskCache({ folder, onError }: DiskCacheOptions): DiskCache {
  const fileOf = (key: string) => join(folder, createHash("sha1").update(key).digest("hex"));
  return {
    async read(key) {
      const file = fileOf(key);
      const packed = await readOwn(file);
      if (packed === undefined || !isGzip(packed)) return undefined;
      const bytes = await unpack(packed, key).catch(() => undefined);
      const said = await readFile(`${file}.json`, "utf8").catch(() => undefined);
      if (bytes === undefined || said === undefined) return bytes && { bytes, validator: undefined };
      const parsed = note.safeParse(jsonOf(said));
      if (!parsed.success || parsed.data.sha256 !== sha256(bytes)) return undefined;
      const now = new Date();
      await utimes(file, now, now).catch(() => undefined);
      return { bytes, validator: parsed.data.validator };
    },
    async write(key, module, validator) {
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        const file = fileOf(key);
        await replace(file, await promisify(gzip)(module.bytes));
        await replace(`${file}.json`, JSON.stringify({ sha256: module.digest, validator }));
        await trim(folder);
      } catch (error) {
        onError(error);
      }
    },
  };
}

/** The folder may be one that everybody can write to, such as /tmp: files of other users are not taken. */
async function readOwn(file: string): Promise<Buffer | undefined> {
  try {
    const { uid } = await lstat(file);
    return [0, process.getuid?.()].includes(uid) ? await readFile(file) : undefined;
  } catch {
    return undefined;
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function replace(file: string, content: Uint8Array | string): Promise<void> {
  const draft = `${file}.${randomUUID()}`;
  try {
    await writeFile(draft, content, { mode: 0o600 });
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** Removes what was used longest ago; only files that were written here, which have a note. */
async function trim(folder: string): Promise<void> {
  const notes = (await readdir(folder)).filter(name => /^[0-9a-f]{40}\.json$/.test(name));
  if (notes.length <= mostFiles) return;
  const files = notes.map(name => join(folder, name.slice(0, -".json".length)));
  const ages = await Promise.all(
    files.map(file =>
      stat(file)
        .then(({ mtimeMs }) => mtimeMs)
        .catch(() => 0),
    ),
  );
  const oldest = files.map((file, at) => ({ file, age: ages[at] ?? 0 })).toSorted((a, b) => a.age - b.age);
  for (const { file } of oldest.slice(0, notes.length - mostFiles)) {
    await rm(file, { force: true });
    await rm(`${file}.json`, { force: true });
  }
}
