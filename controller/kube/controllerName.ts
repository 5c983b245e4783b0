/**
 * Whom the controller writes as for itself: the field manager of statuses, finalizers, its Lease, its Secrets, its webhooks
 * and the CRD of Airways, and the reporter of Events. yoke's name for its own controller (contract §1.3). What a flight
 * rendered is applied in another name, which yoke's CLI shares: `fieldManager` of `release/fields.ts`.
 */
export const controllerName = "yoke.cd/atc";
