/**
 * How the engine starts a plugin: the last argument is the engine's address, the first line of stdout is the port of a
 * gRPC server on the loopback. A plugin whose engine is gone stops by itself.
 */
import {
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { describeError } from "../../lib/errors.ts";

/** The engine's own limit: one message may hold 400 MB. */
export const GRPC_OPTIONS = {
  "grpc.max_receive_message_length": 400 * 1024 * 1024,
  "grpc.max_send_message_length": 400 * 1024 * 1024,
};

const PARENT_CHECK_MS = 2_000;

export const engineAddress = (): string => process.argv.at(-1) ?? "";

/** Serves one gRPC service until the engine ends the process. `stop` runs when the engine died without a word. */
export async function servePlugin(
  definition: ServiceDefinition<UntypedServiceImplementation>,
  implementation: UntypedServiceImplementation,
  stop: () => void,
): Promise<void> {
  const server = new Server(GRPC_OPTIONS);
  server.addService(definition, implementation);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  process.stdout.write(`${port}\n`);
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    stop();
    process.exit(1);
  }, PARENT_CHECK_MS);
  watch.unref();
}

/** An error that carries gRPC details: how a provider says that a resource exists but did not become ready. */
export class DetailedError extends Error {
  readonly details: Uint8Array;

  constructor(message: string, details: Uint8Array, cause: unknown) {
    super(message, { cause });
    this.name = "DetailedError";
    this.details = details;
  }
}

/** A gRPC method from a function of the request; what the function throws becomes the error that the user reads. */
export function unary<Request, Response>(
  handle: (request: Request) => Response | Promise<Response>,
): handleUnaryCall<Request, Response> {
  return async (call, callback) => {
    try {
      callback(null, await handle(call.request));
    } catch (error) {
      const metadata = new Metadata();
      if (error instanceof DetailedError) metadata.set("grpc-status-details-bin", Buffer.from(error.details));
      callback({ code: status.UNKNOWN, details: describeError(error), metadata });
    }
  };
}
