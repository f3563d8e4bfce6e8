import { expect, it } from "vitest";
import { history, withoutName } from "./history";

const event = (minute: number, description: string) => ({
  timestamp: `2026-05-01T12:${String(minute).padStart(2, "0")}:00Z`,
  description,
});

it("puts what came of updates into one order, the newest first", () => {
  const begun = { list: [event(30, "second"), event(10, "first")], more: false };
  const failed = { list: [event(20, "fell back")], more: false };
  expect(history([begun, failed]).map((one) => one.description)).toEqual([
    "second",
    "fell back",
    "first",
  ]);
  expect(history([])).toEqual([]);
});

it("leaves out what is older than a page that goes on", () => {
  const begun = { list: [event(30, "second"), event(20, "first")], more: true };
  const done = { list: [event(25, "done"), event(5, "long done")], more: false };
  expect(history([begun, done]).map((one) => one.description)).toEqual(["second", "done", "first"]);
});

it("does not say the name of the node on its own page", () => {
  expect(withoutName("device a: update to 1.2 FAILED", "a")).toBe("update to 1.2 FAILED");
  expect(withoutName("something else", "a")).toBe("something else");
  expect(withoutName(undefined, undefined)).toBe("");
});
