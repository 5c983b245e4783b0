import { describe, expect, it } from "vitest";
import type { Account } from "../airway/account.ts";
import { trackedKey } from "../dynamic/tracker.ts";
import type { Impersonation, KubeClient } from "../kube/client.ts";
import { secretType as secrets } from "../kube/resourceTypes.ts";
import { noPages, tellList } from "../kube/testing/tellList.ts";
import { noRules } from "../release/readiness.ts";
import { AccessBook } from "./accesses.ts";
import type { Access } from "./context.ts";

const ref = { apiVersion: "v1", kind: "Secret", namespace: "ns", name: "s" };
const worker: Account = { namespace: "ns", name: "worker" };
const other: Account = { namespace: "ns", name: "other" };

function setUp() {
  const open: string[] = [];
  const clientOf = (user: string) =>
    ({ user, get: async () => undefined, pages: noPages, as: ({ user }: Impersonation) => clientOf(user) }) as never;
  const userOf = (client: KubeClient) => (client as unknown as { user: string }).user;
  const book = new AccessBook({
    client: clientOf("controller"),
    openReflector: (scope, client) => {
      const user = userOf(client);
      return {
        start: () => {
          open.push(user);
          tellList(scope.handler, [], "1");
        },
        stop: async () => void open.splice(open.indexOf(user), 1),
      } as never;
    },
    readiness: noRules,
    changed: () => undefined,
  });
  const watch = async (key: string, access: Access) => {
    book.settle(key, access);
    access.index.add(access.index.begin(key), trackedKey(ref), "lookup");
    await access.tracker.track(secrets, ref, { retain: true });
  };
  return { book, open, watch };
}

describe("AccessBook", () => {
  it("watches for each account apart, and as that account", async () => {
    const { book, open, watch } = setUp();
    await watch("a", book.of(undefined));
    await watch("b", book.of(worker));
    await watch("c", book.of({ ...worker }));
    expect(open.sort()).toEqual(["controller", "system:serviceaccount:ns:worker"]);
    expect(book.all()).toHaveLength(2);
  });

  it("lets go of what a release held elsewhere, and of an account with its last release", async () => {
    const { book, open, watch } = setUp();
    await watch("a", book.of(worker));
    await watch("b", book.of(worker));
    await watch("a", book.of(other));
    expect(open.sort()).toEqual(["system:serviceaccount:ns:other", "system:serviceaccount:ns:worker"]);
    await watch("a", book.of(undefined));
    book.forget("b");
    expect(open).toEqual(["controller"]);
    expect(book.all()).toEqual([book.own]);
    book.forget("a");
    expect(open).toEqual([]);
  });

  it("still knows an access that was let go when a release comes to it late", async () => {
    const { book, watch } = setUp();
    const early = book.of(worker);
    await watch("a", early);
    book.forget("a");
    await watch("b", early);
    expect(book.of(worker)).toBe(early);
  });
});
