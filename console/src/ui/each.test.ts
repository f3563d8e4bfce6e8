import { expect, it } from "vitest";
import { each } from "./each";

it("does all of them, few at once, and tells what failed", async () => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  const failed = await each(
    [1, 2, 3, 4, 5, 6],
    async (n) => {
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
      if (n % 3 === 0) throw new Error(String(n));
      done.push(n);
    },
    2,
  );
  expect(most).toBe(2);
  expect(done.sort()).toEqual([1, 2, 4, 5]);
  expect(failed.map((one) => one.item).sort()).toEqual([3, 6]);
});

it("has nothing to do with nothing", async () => {
  expect(await each([], async () => undefined)).toEqual([]);
});
