import { expect, it } from "vitest";
import { linesOf } from "./lines";

it("draws each label from left to right, the highest value at the top", () => {
  const { lines, most } = linesOf(
    [
      { timestamp: "2026-01-01T00:00:00Z", values: [0, 10] },
      { timestamp: "2026-01-01T00:10:00Z", values: [20, 10] },
    ],
    ["rx", "tx"],
  );
  expect(most).toBe(20);
  expect(lines.map((one) => one.path)).toEqual(["0.0,100.0 1000.0,0.0", "0.0,50.0 1000.0,50.0"]);
  expect(lines.map((one) => one.last)).toEqual([20, 10]);
});

it("has nothing to draw without points", () => {
  expect(linesOf([], ["x"]).lines[0]).toMatchObject({ path: "", last: 0, most: 0 });
});
