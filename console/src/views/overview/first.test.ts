import { expect, it } from "vitest";
import { answered, totalOf } from "./first";

it("lets the rest be asked for once the list is there, or cannot be had for now", () => {
  expect(answered({ data: undefined, failureCount: 0 })).toBe(false);
  expect(answered({ data: { list: [] }, failureCount: 0 })).toBe(true);
  expect(answered({ data: undefined, failureCount: 1 })).toBe(true);
});

it("counts over all states", () => {
  expect(totalOf({})).toBe(0);
  expect(totalOf({ RUN_STATE_ONLINE: 7, RUN_STATE_OFFLINE: 2 })).toBe(9);
});
