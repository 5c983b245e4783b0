/**
 * `npm run tools`: finds or builds tools without starting anything. With names, those; `kind-tests` stands for what the
 * tests on kind need without an image registry; without any, what the embedded cluster needs.
 */
import { catalog, embeddedTools, kindTools, type ToolName } from "../local/tools/catalog.ts";
import { ensureTools } from "../local/tools/tools.ts";
import { errors } from "./errors.ts";
import { run } from "./main.ts";

const isTool = (name: string): name is ToolName => Object.hasOwn(catalog, name);

function namesOf(word: string): readonly ToolName[] {
  if (word === "kind-tests") return kindTools;
  if (isTool(word)) return [word];
  const usage = `npm run tools -- [kind-tests|${Object.keys(catalog).join("|")}]…`;
  throw errors.SCRIPT_USAGE({ problem: `there is no tool "${word}"`, usage });
}

await run(async words => {
  const names = words.length === 0 ? embeddedTools : words.flatMap(namesOf);
  for (const tool of await Promise.all(Object.values(ensureTools(names)))) {
    console.log(`  ${tool.name.padEnd(24)} ${tool.version.padEnd(10)} ${tool.origin.padEnd(7)} ${tool.path}`);
  }
});
