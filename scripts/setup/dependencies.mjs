/** Whether node_modules is what package-lock.json says. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * A package in a lock file; only what is looked at here.
 *
 * @typedef {{ version?: string, link?: boolean, optional?: boolean, os?: string[], cpu?: string[], libc?: string[] }} Locked
 * @typedef {{ packages?: Record<string, Locked> }} Lock
 */

/**
 * Paths of packages that should be installed and are not, or are of another version. npm writes the lock file inside
 * node_modules when an installation is complete, so one that was interrupted has none, or an old one.
 *
 * @param {Lock} wanted package-lock.json
 * @param {Lock} installed node_modules/.package-lock.json
 * @param {{ platform: string, arch: string }} machine
 * @returns {string[]}
 */
export function outdatedPackages(wanted, installed, machine) {
  const present = installed.packages ?? {};
  return Object.entries(wanted.packages ?? {})
    .filter(([path, locked]) => path !== "" && !locked.link && (path in present || isNeeded(locked, machine)))
    .filter(([path, locked]) => present[path]?.version !== locked.version)
    .map(([path]) => path);
}

/**
 * npm leaves optional packages out when they are for another system, or are needed only by one that is. So an optional
 * one is missed only when it names this system. Which C library a machine has is npm's business.
 *
 * @param {Locked} locked
 * @param {{ platform: string, arch: string }} machine
 */
function isNeeded(locked, { platform, arch }) {
  if (!locked.optional) return true;
  const namesSystem = locked.os !== undefined || locked.cpu !== undefined;
  return namesSystem && locked.libc === undefined && allows(locked.os, platform) && allows(locked.cpu, arch);
}

/**
 * npm's rule: a list of what is allowed, or of `!x` that is not.
 *
 * @param {string[] | undefined} list
 * @param {string} value
 */
function allows(list, value) {
  if (list === undefined || list.includes(value)) return true;
  return list.every(entry => entry.startsWith("!")) && !list.includes(`!${value}`);
}

/** @param {string} root */
export function dependenciesAreThere(root) {
  const wanted = readLock(join(root, "package-lock.json"));
  const installed = readLock(join(root, "node_modules", ".package-lock.json"));
  if (wanted === undefined || installed === undefined) return false;
  return (
    outdatedPackages(wanted, installed, process).length === 0 &&
    Object.keys(installed.packages ?? {}).every(path => existsSync(join(root, path, "package.json")))
  );
}

/**
 * @param {string} file
 * @returns {Lock | undefined}
 */
function readLock(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}
