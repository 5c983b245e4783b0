/** What of a shell's environment reaches the supervisor and its services: nothing that could be a secret or a setting. */
const passed = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR"];

export function inheritedEnvironment(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    passed.flatMap(name => (environment[name] === undefined ? [] : [[name, environment[name]]])),
  ) as Record<string, string>;
}
