/**
 * Pulumi's ResourceProvider protocol, once for all stand-ins.
 *
 * It unwraps what the engine sends, keeps secrets secret in what goes back, builds detailed diffs, keeps previews free
 * of side effects, and bounds every call by Cancel and by the resource's custom timeout.
 */
import { credentials, status as grpcStatus } from "@grpc/grpc-js";
import engineService from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import engineMessages from "@pulumi/pulumi/proto/engine_pb.js";
import plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import service from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import status from "@pulumi/pulumi/proto/status_pb.js";
import any from "google-protobuf/google/protobuf/any_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import struct from "google-protobuf/google/protobuf/struct_pb.js";
import { describeError } from "../../lib/errors.ts";
import { errors } from "./errors.ts";
import { DetailedError, engineAddress, GRPC_OPTIONS, servePlugin, unary } from "./plugin.ts";
import {
  type CallContext,
  type Checked,
  type CheckFailure,
  NotReadyError,
  type Provider,
  type Resource,
} from "./provider.ts";
import {
  type Change,
  deepDiff,
  formatPath,
  isObject,
  type Path,
  type Properties,
  redact,
  rewrap,
  secret,
  secretStrings,
  UNKNOWN,
  unwrap,
} from "./wire.ts";

const INVOKE_TIMEOUT_SECONDS = 600;

const fromStruct = (message: struct.Struct | undefined): Properties =>
  message === undefined ? {} : (message.toJavaScript() as Properties);
const toStruct = (properties: Properties): struct.Struct =>
  struct.Struct.fromJavaScript(JSON.parse(JSON.stringify(properties)));

/** Fills the diff message: paths, their top-level keys, and which of them replace. */
export function fillDiff(
  response: messages.DiffResponse,
  changes: readonly Change[],
  replaces: (path: Path) => boolean,
): messages.DiffResponse {
  const kinds = messages.PropertyDiff.Kind;
  const topLevel = new Set<string>();
  const replacing = new Set<string>();
  for (const { path, kind } of changes) {
    const key = String(path[0]);
    topLevel.add(key);
    const replace = replaces(path);
    if (replace) replacing.add(key);
    const code = {
      add: replace ? kinds.ADD_REPLACE : kinds.ADD,
      delete: replace ? kinds.DELETE_REPLACE : kinds.DELETE,
      update: replace ? kinds.UPDATE_REPLACE : kinds.UPDATE,
    }[kind];
    response.getDetaileddiffMap().set(formatPath(path), new messages.PropertyDiff().setKind(code).setInputdiff(true));
  }
  const { DIFF_SOME, DIFF_NONE } = messages.DiffResponse.DiffChanges;
  return response
    .setChanges(changes.length > 0 ? DIFF_SOME : DIFF_NONE)
    .setHasdetaileddiff(true)
    .setDiffsList([...topLevel])
    .setReplacesList([...replacing]);
}

/** Puts the secret tags back on what a provider returns. */
function sealed(outputs: Properties, like: Properties, names: readonly string[]): Properties {
  // Some outputs hold the inputs once more, for the next diff.
  const result = rewrap(outputs, { ...like, __inputs: like.__inputs ?? like });
  for (const part of [result, result.__inputs]) {
    if (!isObject(part)) continue;
    for (const name of names) {
      const value = part[name];
      if (value !== undefined && value !== UNKNOWN) part[name] = secret(value);
    }
  }
  return result;
}

interface Addressed {
  getUrn(): string;
}

const typeOf = (urn: string): string => urn.split("::")[2]?.split("$").at(-1) ?? "";
const nameOf = (urn: string): string => urn.split("::").slice(3).join("::");

class Protocol {
  readonly #provider: Provider;
  readonly #cancelled = new AbortController();
  /** When the last line has arrived. */
  #logged: Promise<unknown> = Promise.resolve();
  readonly #engine = new engineService.EngineClient(engineAddress(), credentials.createInsecure(), GRPC_OPTIONS);

  constructor(provider: Provider) {
    this.#provider = provider;
  }

  cancel(): void {
    this.#cancelled.abort(new Error("cancelled"));
  }

  configure(request: messages.ConfigureRequest): Promise<messages.ConfigureResponse> {
    const variables = Object.fromEntries(
      request
        .getVariablesMap()
        .getEntryList()
        .map(([key, value]) => [key.split(":").at(-1) ?? key, value]),
    );
    const settings = { ...variables, ...unwrap(fromStruct(request.getArgs())) };
    return Promise.resolve(this.#provider.configure?.(settings)).then(() =>
      new messages.ConfigureResponse().setAcceptsecrets(true).setSupportspreview(true).setAcceptresources(true),
    );
  }

  diffConfig(request: messages.DiffRequest): messages.DiffResponse {
    const olds = unwrap(fromStruct(request.getOldInputs() ?? request.getOlds()));
    const news = unwrap(fromStruct(request.getNews()));
    const replacing = this.#provider.diffConfig?.(olds, news).replaces ?? [];
    return fillDiff(new messages.DiffResponse(), deepDiff(olds, news), path => replacing.includes(String(path[0])));
  }

  async check(request: messages.CheckRequest): Promise<messages.CheckResponse> {
    const inputs = fromStruct(request.getNews());
    const resource = this.#resource(request);
    const checked = await resource.check?.(inputs, {
      type: typeOf(request.getUrn()),
      name: nameOf(request.getUrn()),
      olds: fromStruct(request.getOlds()),
      proposedName: proposedName(request),
      signal: this.#cancelled.signal,
    });
    const response = new messages.CheckResponse();
    if (isFailed(checked)) {
      return response.setFailuresList(
        checked.failures.map(f => new messages.CheckFailure().setProperty(f.property).setReason(f.reason)),
      );
    }
    return response.setInputs(toStruct(checked ?? inputs));
  }

  diff(request: messages.DiffRequest): messages.DiffResponse {
    const olds = unwrap(fromStruct(request.getOldInputs()));
    const news = unwrap(fromStruct(request.getNews()));
    const resource = this.#resource(request);
    return fillDiff(new messages.DiffResponse(), deepDiff(olds, news), path =>
      resource.replaces(path, olds, news),
    ).setDeletebeforereplace(resource.deleteBeforeReplace?.(olds, news) ?? false);
  }

  create(request: messages.CreateRequest): Promise<messages.CreateResponse> {
    const tagged = fromStruct(request.getProperties());
    const inputs = unwrap(tagged);
    const resource = this.#resource(request);
    const names = resource.secretOutputs(tagged);
    const seconds = request.getTimeout() || resource.timeoutSeconds(inputs);
    return this.#within(request, seconds, tagged, async context => {
      const { id, outputs } = request.getPreview()
        ? { id: "", outputs: await resource.preview(inputs, undefined, context) }
        : await resource.create(inputs, context).catch(reportNotReady(tagged, names));
      return new messages.CreateResponse().setId(id).setProperties(toStruct(sealed(outputs, tagged, names)));
    });
  }

  update(request: messages.UpdateRequest): Promise<messages.UpdateResponse> {
    const tagged = fromStruct(request.getNews());
    const olds = fromStruct(request.getOlds());
    const [inputs, state] = [unwrap(tagged), unwrap(olds)];
    const resource = this.#resource(request);
    const names = resource.secretOutputs(tagged);
    const seconds = request.getTimeout() || resource.timeoutSeconds(inputs);
    return this.#within(request, seconds, { tagged, olds }, async context => {
      const outputs = request.getPreview()
        ? await resource.preview(inputs, state, context)
        : await resource.update(request.getId(), inputs, state, context).catch(reportNotReady(tagged, names));
      return new messages.UpdateResponse().setProperties(toStruct(sealed(outputs, tagged, names)));
    });
  }

  async read(request: messages.ReadRequest): Promise<messages.ReadResponse> {
    const resource = this.#resource(request);
    const state = fromStruct(request.getProperties());
    const inputs = fromStruct(request.getInputs());
    const response = new messages.ReadResponse();
    if (resource.read === undefined) {
      return response.setId(request.getId()).setProperties(request.getProperties()).setInputs(request.getInputs());
    }
    const seconds = request.getTimeout() || resource.timeoutSeconds(unwrap(inputs));
    const live = await this.#within(request, seconds, { state, inputs }, async context =>
      resource.read?.(request.getId(), unwrap(state), unwrap(inputs), context),
    );
    if (live === undefined) return response;
    const names = resource.secretOutputs({ ...live.inputs, ...inputs });
    return response
      .setId(live.id)
      .setProperties(toStruct(sealed(sealed(live.outputs, state, []), inputs, names)))
      .setInputs(toStruct(sealed(live.inputs, inputs, names)));
  }

  delete(request: messages.DeleteRequest): Promise<empty.Empty> {
    const resource = this.#resource(request);
    const state = fromStruct(request.getProperties());
    const inputs = unwrap(fromStruct(request.getOldInputs()));
    const seconds = request.getTimeout() || resource.timeoutSeconds(inputs);
    return this.#within(request, seconds, state, async context => {
      await resource.delete(request.getId(), unwrap(state), inputs, context);
      return new empty.Empty();
    });
  }

  async invoke(request: messages.InvokeRequest): Promise<messages.InvokeResponse> {
    const args = fromStruct(request.getArgs());
    const answer = await this.#within({ getUrn: () => "" }, INVOKE_TIMEOUT_SECONDS, args, async context =>
      this.#provider.invoke?.(request.getTok(), args, context),
    );
    if (answer === undefined) throw this.#unknown(request.getTok());
    return new messages.InvokeResponse().setReturn(toStruct(answer));
  }

  #resource(request: Addressed): Resource {
    const type = typeOf(request.getUrn());
    const resource = this.#provider.resource(type);
    if (resource === undefined) throw this.#unknown(type);
    return resource;
  }

  /** Components and methods: none of the stand-ins has any. */
  refuse(token: string): never {
    throw this.#unknown(token);
  }

  #unknown(token: string): Error {
    return errors.PULUMI_TYPE_UNKNOWN({ package: this.#provider.name, token });
  }

  /** Runs one operation with its time limit, and keeps the secrets of its inputs out of what it says. */
  async #within<Answer>(
    request: Addressed,
    seconds: number,
    tagged: Properties,
    operate: (context: CallContext) => Promise<Answer>,
  ): Promise<Answer> {
    const urn = request.getUrn();
    const secrets = secretStrings(tagged);
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(errors.PULUMI_TIMEOUT({ seconds })), seconds * 1_000);
    try {
      return await operate({
        type: typeOf(urn),
        name: nameOf(urn),
        signal: AbortSignal.any([this.#cancelled.signal, timeout.signal]),
        log: (severity, message, ephemeral = false) => this.#log(urn, severity, redact(message, secrets), ephemeral),
      });
    } catch (error) {
      if (error instanceof DetailedError) throw error;
      throw new Error(redact(describeError(error), secrets), { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  #log(urn: string, severity: "info" | "warning", message: string, ephemeral: boolean): void {
    const code = { info: engineMessages.LogSeverity.INFO, warning: engineMessages.LogSeverity.WARNING }[severity];
    const line = new engineMessages.LogRequest().setSeverity(code).setMessage(message).setUrn(urn);
    // One after the other, or the engine mixes them up. A lost line is no reason to fail: the result carries all that matters.
    this.#logged = this.#logged.then(() => new Promise(done => this.#engine.log(line.setEphemeral(ephemeral), done)));
  }
}

const isFailed = (checked: Checked | undefined): checked is { readonly failures: readonly CheckFailure[] } =>
  Array.isArray(checked?.failures);

/** The engine's proposal, else a name from the deployment's random seed, so that preview and update agree. */
function proposedName(request: messages.CheckRequest): string {
  const proposed = request.getAutonaming()?.getProposedName();
  if (proposed) return proposed;
  const suffix = Buffer.from(request.getRandomseed_asU8()).toString("hex").slice(0, 8);
  return `${nameOf(request.getUrn()).toLowerCase()}-${suffix}`;
}

/** Turns a NotReadyError into the error with which the engine keeps the resource in the state. */
function reportNotReady(tagged: Properties, names: readonly string[]): (error: unknown) => never {
  return error => {
    if (!(error instanceof NotReadyError)) throw error;
    const message = redact(error.message, secretStrings(tagged));
    const failed = new messages.ErrorResourceInitFailed()
      .setId(error.created.id)
      .setProperties(toStruct(sealed(error.created.outputs, tagged, names)))
      .setReasonsList([message])
      .setInputs(toStruct(tagged));
    const detail = new any.Any();
    detail.pack(failed.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
    const details = new status.Status().setCode(grpcStatus.UNKNOWN).setMessage(message);
    details.addDetails(detail);
    throw new DetailedError(message, details.serializeBinary(), error);
  };
}

/** Serves a provider to the engine that started this process. */
export async function serveProvider(provider: Provider): Promise<void> {
  const protocol = new Protocol(provider);
  await servePlugin(
    service.ResourceProviderService,
    {
      handshake: unary(() =>
        new messages.ProviderHandshakeResponse()
          .setAcceptSecrets(true)
          .setAcceptResources(true)
          .setSupportsAutonamingConfiguration(true),
      ),
      attach: unary(() => new empty.Empty()),
      getPluginInfo: unary(() => new plugin.PluginInfo().setVersion(provider.version)),
      checkConfig: unary((r: messages.CheckRequest) => new messages.CheckResponse().setInputs(r.getNews())),
      diffConfig: unary((r: messages.DiffRequest) => protocol.diffConfig(r)),
      configure: unary((r: messages.ConfigureRequest) => protocol.configure(r)),
      check: unary((r: messages.CheckRequest) => protocol.check(r)),
      diff: unary((r: messages.DiffRequest) => protocol.diff(r)),
      create: unary((r: messages.CreateRequest) => protocol.create(r)),
      update: unary((r: messages.UpdateRequest) => protocol.update(r)),
      read: unary((r: messages.ReadRequest) => protocol.read(r)),
      delete: unary((r: messages.DeleteRequest) => protocol.delete(r)),
      invoke: unary((r: messages.InvokeRequest) => protocol.invoke(r)),
      construct: unary((r: messages.ConstructRequest) => protocol.refuse(r.getType())),
      call: unary((r: messages.CallRequest) => protocol.refuse(r.getTok())),
      cancel: unary(() => {
        protocol.cancel();
        return new empty.Empty();
      }),
    },
    () => protocol.cancel(),
  );
}
