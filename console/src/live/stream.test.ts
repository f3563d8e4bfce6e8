import { expect, it } from "vitest";
import { wait } from "./stream";

it("waits longer after each failure, up to a bound, and never the same everywhere", () => {
  expect(wait(0, () => 0)).toBe(500);
  expect(wait(0, () => 1)).toBe(1000);
  expect(wait(3, () => 1)).toBe(8000);
  expect(wait(50, () => 1)).toBe(30_000);
});
