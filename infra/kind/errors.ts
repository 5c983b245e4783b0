import { defineErrors } from "../../lib/errors.ts";

/** What can go wrong between this machine, Docker and kind. */
export const errors = defineErrors({
  KIND_TOOL_MISSING: {
    message: (f: { tool: string }) => `the stack stands on kind, and ${f.tool} is not on PATH`,
    todo: "Install Docker and kind, or take the stack that needs neither: `npm start -- --stack local`.",
  },
  KIND_DOCKER_SILENT: {
    message: (f: { said: string }) => `Docker does not answer: ${f.said}`,
    todo: "Start Docker and see that `docker info` works, or take the stack without it: `npm start -- --stack local`.",
  },
  KIND_PORT_TAKEN: {
    message: (f: { port: number; why: string }) =>
      `port ${f.port} of 127.0.0.1, where Vault should answer, is taken (${f.why})`,
    todo: "Stop what listens there, or choose another: `npm run pulumi -- config set vaultPort <port>`.",
  },
  KIND_CREATE_FAILED: {
    message: (f: { name: string; said: string }) =>
      `kind could not create cluster ${f.name}; what it had made is removed again:\n${f.said}`,
    todo: "Read what kind said above; config nodeImage takes another node image or one from a mirror.",
  },
  KIND_START_FAILED: {
    message: (f: { name: string; said: string }) => `the stopped cluster ${f.name} does not come up again: ${f.said}`,
    todo: "Remove it with `kind delete cluster --name <name>`; the next `npm start` makes a new one.",
  },
  KIND_DELETE_FAILED: {
    message: (f: { name: string; said: string }) => `kind could not delete cluster ${f.name}: ${f.said}`,
    todo: "See that Docker answers, then try again.",
  },
  KIND_BUILD_FAILED: {
    message: (f: { image: string; said: string }) => `docker could not build ${f.image}:\n${f.said}`,
    todo: "Read what docker said above; config baseImage takes another Node image or one from a mirror.",
  },
  KIND_LOAD_FAILED: {
    message: (f: { images: readonly string[]; name: string; said: string }) =>
      `${f.images.join(", ")} did not get into cluster ${f.name}:\n${f.said}`,
    todo: "See that `docker image inspect <image>` knows each and that the disk is not full, then run the command again.",
  },
});
