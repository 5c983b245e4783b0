/**
 * JavaScript that runs in every guest before the flight's code does.
 *
 * It gives `console` (to stderr) and takes away what would make a render depend on anything but its inputs: the
 * present time and random numbers. It keeps the built-ins that the host relies on, so that a flight which overwrites
 * them harms only itself.
 *
 * The value of the script is a function `(write, ask, done) → (entry, input) → void`; `done(exitCode, stdout, stderr)`
 * takes the result.
 */
export const prelude = `(write, ask, done) => {
  "use strict";
  const { parse, stringify } = JSON;
  const { construct, defineProperty } = Reflect;
  const refuse = what => { throw new TypeError(what + " is not available: a flight renders the same output for the same input"); };

  const RealDate = Date;
  function GuardedDate(...args) {
    if (args.length === 0 || new.target === undefined) refuse("the present time");
    return construct(RealDate, args, new.target === GuardedDate ? RealDate : new.target);
  }
  GuardedDate.prototype = RealDate.prototype;
  GuardedDate.parse = RealDate.parse;
  GuardedDate.UTC = RealDate.UTC;
  GuardedDate.now = () => refuse("the present time");
  defineProperty(RealDate.prototype, "constructor", { value: GuardedDate, writable: true, configurable: true });
  defineProperty(GuardedDate, "name", { value: "Date" });
  globalThis.Date = GuardedDate;
  Math.random = () => refuse("Math.random");

  const text = value => {
    if (typeof value === "string") return value;
    try { return stringify(value) ?? String(value); } catch { return String(value); }
  };
  const log = (...values) => {
    let line = "";
    for (let i = 0; i < values.length; i++) line += (i ? " " : "") + text(values[i]);
    write(line + "\\n");
  };
  globalThis.console = { log, info: log, warn: log, error: log, debug: log };

  const lookup = request => {
    const { apiVersion, kind, namespace, name } = request;
    return parse(ask(stringify({ type: "lookup", request: { apiVersion, kind, namespace, name } })));
  };
  const restMapping = ({ apiVersion, kind }) => parse(ask(stringify({ type: "rest-mapping", apiVersion, kind })));
  return (entry, input) => {
    const { stdin, args, env } = parse(input);
    const result = entry({ stdin, args, env, lookup, restMapping });
    if (typeof result === "string") return done(0, result, "");
    if (typeof result?.then === "function") throw new TypeError("a flight returns its output, not a promise of it");
    if (typeof result !== "object" || result === null) throw new TypeError("a flight returns its output as a string");
    const { exitCode = 0, stdout = "", stderr = "" } = result;
    return done(exitCode, stdout, stderr);
  };
}`;
