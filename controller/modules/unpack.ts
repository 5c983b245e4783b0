/** Unpacks what was downloaded, off the main thread, and no further than a module may be large. */
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { moduleErrors } from "./errors.ts";

/** Of a module, packed or not. Go's wasm modules have around 20 MB. */
export const maxModuleBytes = 128 * 1024 * 1024;
export const maxModuleMib = maxModuleBytes / (1024 * 1024);

/**
 * Gzip is told by its first bytes, which no module begins with; a `.gz` that was also sent with
 * `Content-Encoding: gzip` may be packed twice.
 *
 * @param shown the URL, for errors
 * @throws MODULE_UNPACK, MODULE_TOO_LARGE
 */
export async function unpack(content: Uint8Array, shown: string): Promise<Uint8Array> {
  let unpacked = content;
  for (let layer = 0; layer < 2 && isGzip(unpacked); layer++) unpacked = await inflate(unpacked, shown);
  return unpacked;
}

export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

async function inflate(bytes: Uint8Array, shown: string): Promise<Uint8Array> {
  try {
    return await promisify(gunzip)(bytes, { maxOutputLength: maxModuleBytes });
  } catch (cause) {
    const { code = "", message = "" } = cause as { code?: string; message?: string };
    if (code === "ERR_BUFFER_TOO_LARGE") throw moduleErrors.MODULE_TOO_LARGE({ url: shown, limitMib: maxModuleMib });
    throw moduleErrors.MODULE_UNPACK({ url: shown, why: message || code }, cause);
  }
}
