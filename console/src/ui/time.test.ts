import { expect, it } from "vitest";
import { ago, exactly, momentOf } from "./time";

it.each([
  [-1, "1 second ago"],
  [-120, "2 minutes ago"],
  [-7200, "2 hours ago"],
  [-86_400 * 60, "2 months ago"],
  [0, "now"],
  [3600, "in 1 hour"],
])("%s s is %s", (seconds, text) => expect(ago(seconds * 1000, 0)).toBe(text));

it("knows how the contract writes that there was none", () => {
  expect(momentOf("0001-01-01T00:00:00Z")).toBeUndefined();
  expect(momentOf("not a time")).toBeUndefined();
  expect(momentOf(undefined)).toBeUndefined();
  expect(momentOf("2026-01-02T03:04:05Z")?.getTime()).toBe(1_767_323_045_000);
});

it("says when exactly, the same everywhere", () => {
  expect(exactly(new Date("2026-01-02T03:04:05Z"))).toBe("Jan 2, 2026, 03:04:05 UTC");
});
