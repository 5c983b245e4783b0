/**
 * The questions of one run → answers as JSON text.
 *
 * What no object can be called is answered here: a flight's words reach no URL before they were checked.
 */
import { errors } from "./errors.ts";
import type { LookupAnswer, LookupRequest, Refusal, RestMappingAnswer, RestMappingRequest } from "./lookup.ts";
import { apiVersionPattern, kindPattern, namePattern, namespacePattern } from "./names.ts";
import type { Question } from "./protocol.ts";

/** In dynamic mode each looked-up object is watched; so this bounds what one instance can ask of the API server. */
export const mostQuestions = 2000;

export interface Answers {
  lookup(request: LookupRequest): Promise<LookupAnswer>;
  restMapping?(request: RestMappingRequest): Promise<RestMappingAnswer>;
}

export class Questions {
  readonly #answers: Answers;
  #asked = 0;

  constructor(answers: Answers) {
    this.#answers = answers;
  }

  /** @throws FLIGHT_TOO_MANY_LOOKUPS, and what the answering functions throw: the run ends with it */
  async answer(question: Question): Promise<string> {
    this.#asked += 1;
    if (this.#asked > mostQuestions) throw errors.FLIGHT_TOO_MANY_LOOKUPS({ limit: mostQuestions });
    return JSON.stringify(
      question.type === "lookup" ? await this.#lookup(question.request) : await this.#map(question),
    );
  }

  async #lookup({ apiVersion, kind, namespace, name }: LookupRequest): Promise<LookupAnswer> {
    const odd =
      oddity("apiVersion", apiVersion, apiVersionPattern) ??
      oddity("kind", kind, kindPattern) ??
      (namespace === "" ? undefined : oddity("namespace", namespace, namespacePattern)) ??
      oddity("name", name, namePattern);
    return odd ?? this.#answers.lookup({ apiVersion, kind, namespace, name });
  }

  async #map({ group, version, kind }: RestMappingRequest): Promise<RestMappingAnswer> {
    const apiVersion = [group, version].filter(part => part !== "").join("/");
    const odd =
      (apiVersion === "" ? undefined : oddity("apiVersion", apiVersion, apiVersionPattern)) ??
      oddity("kind", kind, kindPattern);
    if (odd) return odd;
    const answer = await this.#answers.restMapping?.({ group, version, kind });
    return answer ?? { state: "error", message: "kinds cannot be mapped here" };
  }
}

/** The same words again would be the flight's to choose, and may be as long as it likes. */
function oddity(field: string, value: string, pattern: RegExp): Refusal | undefined {
  return pattern.test(value)
    ? undefined
    : { state: "error", message: `${JSON.stringify(value.slice(0, 100))} is no ${field}` };
}
