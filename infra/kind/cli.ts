/**
 * What the Pulumi program runs for the kind substrate. stdout carries the answer alone; progress goes to stderr.
 *
 *   cluster up | cluster down | probe      with NAME, STATE and, for up, NODE_IMAGE, VAULT_PORT, IDENTITY, HEALTH
 *   image build | image load               with IMAGE and BASE_IMAGE, or IMAGES (commas between) and NAME
 */
import { describeError } from "../../lib/errors.ts";
import * as cluster from "./cluster.ts";
import * as image from "./image.ts";

function given(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`infra/kind/cli.ts needs ${name} in its environment`);
  return value;
}

const place = () => ({ name: given("NAME"), stateDir: given("STATE") });

const commands: Record<string, () => Promise<string | undefined>> = {
  "cluster up": async () =>
    await cluster.up(
      { ...place(), nodeImage: given("NODE_IMAGE"), vaultPort: Number(given("VAULT_PORT")) },
      { identity: given("IDENTITY"), health: given("HEALTH") },
    ),
  "cluster down": async () => {
    await cluster.down(place());
    return undefined;
  },
  probe: async () => JSON.stringify(await cluster.probe(place())),
  "image build": async () => {
    await image.build(given("IMAGE"), given("BASE_IMAGE"));
    return given("IMAGE");
  },
  "image load": async () => {
    await image.load(given("IMAGES").split(","), given("NAME"));
    return given("IMAGES");
  },
};

try {
  const asked = process.argv.slice(2).join(" ");
  const command = commands[asked];
  if (!command) throw new Error(`no command "${asked}"; there are: ${Object.keys(commands).join(", ")}`);
  const answer = await command();
  if (answer !== undefined) process.stdout.write(answer);
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 1;
}
