import { defineErrors } from "../../lib/errors.ts";

/** What can be wrong with the webhooks themselves; a refusal of a user's object is no error of this room. */
export const admissionErrors = defineErrors({
  ADMISSION_REVIEW_INVALID: {
    message: (f: { what: string; problem: string }) => `this is no ${f.what}: ${f.problem}`,
    todo: "Only the API server calls the webhooks; look at what else reaches this port.",
  },
  ADMISSION_BODY_TOO_LARGE: {
    message: (f: { limitMib: number }) => `the request is larger than ${f.limitMib} MiB`,
    todo: "Make the object smaller; the API server itself takes no more than about 3 MiB.",
  },
  ADMISSION_TIME_LIMIT: {
    message: (f: { seconds: number }) =>
      `it took longer than ${f.seconds} s, and the API server does not wait for more`,
    todo: "Look at what the flight or converter waits for; a shorter spec.timeout of the Airway tells sooner.",
  },
  ADMISSION_UNAUTHENTICATED: {
    message: () => "the API server does not say which account the controller uses",
    todo: "Give the controller a ServiceAccount or a client certificate; webhooks have to know its own writes.",
  },
  ADMISSION_ADDRESS_IN_USE: {
    message: (f: { port: number }) => `webhooks: port ${f.port} is taken by another process`,
    todo: "Stop that process, or set PORT (--port) and what leads to it to a free one.",
  },
  ADMISSION_LISTEN_FAILED: {
    message: (f: { port: number; why: string }) => `webhooks: cannot listen on port ${f.port}: ${f.why}`,
    todo: "Set PORT (--port) to a port that the controller may use.",
  },
  ADMISSION_CERTIFICATE_FILE: {
    message: (f: { path: string; why: string }) => `webhooks: the certificate file ${f.path} cannot be used: ${f.why}`,
    todo: "Correct TLS_CA_CERT, TLS_SERVER_CERT and TLS_SERVER_KEY, or leave all three out: the controller then makes its own.",
  },
  ADMISSION_CERTIFICATE_SECRET: {
    message: (f: { namespace: string; name: string }) =>
      `webhooks: Secret ${f.namespace}/${f.name} holds no certificate, and none could be written to it`,
    todo: "Delete it; the controller makes another one.",
  },
  ADMISSION_CONVERSION_FAILED: {
    message: (f: { airway: string; why: string }) => `the converter of Airway ${f.airway}: ${f.why}`,
    todo: "Correct the converter: it must answer a ConversionReview with every object, in order, in the desired version.",
  },
});
