import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Renewal } from "./renewal";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

/** Somebody who looks at one answer; each question is answered when the test says so. */
function looking() {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const open: ((answer: string | Error) => void)[] = [];
  const shown: string[] = [];
  let asked = 0;
  const observer = new QueryObserver<string>(queries, {
    queryKey: ["/v1/devices"],
    queryFn: () =>
      new Promise((done, failed) => {
        asked += 1;
        open.push((answer) => (answer instanceof Error ? failed(answer) : done(answer)));
      }),
  });
  const leave = observer.subscribe(({ data }) => {
    if (data !== undefined && shown.at(-1) !== data) shown.push(data);
  });
  const answer = async (text: string | Error) => {
    open.shift()?.(text);
    await vi.advanceTimersByTimeAsync(5);
  };
  return { queries, shown, leave, answer, count: () => asked };
}

const all = () => true;

it("waits for what is on its way, and reads it once more, however often it became old", async () => {
  const { queries, shown, answer, count } = looking();
  const renewal = new Renewal(queries);
  renewal.renew(all);
  renewal.renew(all);
  expect(count()).toBe(1);
  await answer("old");
  expect(shown).toEqual(["old"]);
  expect(count()).toBe(2);
  renewal.renew(all);
  await answer("newer");
  expect(shown).toEqual(["old", "newer"]);
  await answer("newest");
  await answer("never asked");
  expect(shown).toEqual(["old", "newer", "newest"]);
  expect(count()).toBe(3);
  renewal.end();
});

it("reads again what failed meanwhile, at once what rests, and nothing else", async () => {
  const { queries, shown, answer, count } = looking();
  const renewal = new Renewal(queries);
  renewal.renew(all);
  await answer(new Error("away"));
  expect(count()).toBe(2);
  await answer("there");
  expect(shown).toEqual(["there"]);
  renewal.renew((path) => path === "/v1/projects");
  expect(count()).toBe(2);
  renewal.renew((path) => path === "/v1/devices");
  expect(count()).toBe(3);
  await answer("changed");
  expect(shown).toEqual(["there", "changed"]);
  renewal.end();
});

it("asks nothing for a view that was left, and nothing after its end", async () => {
  const { queries, leave, answer, count } = looking();
  const renewal = new Renewal(queries);
  renewal.renew(all);
  leave();
  await answer("too late");
  expect(count()).toBe(1);
  expect(queries.getQueryCache().getAll()[0]?.state.isInvalidated).toBe(true);
  const other = looking();
  const ended = new Renewal(other.queries);
  ended.renew(all);
  ended.end();
  await other.answer("last");
  expect(other.count()).toBe(1);
});
