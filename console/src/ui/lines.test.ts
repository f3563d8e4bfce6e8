import { expect, it } from "vitest";
import { linesOf, measured } from "./lines";

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

it("draws a single point as a dot at its end, and tells the unit apart", () => {
  const { lines } = linesOf([{ timestamp: "2026-01-01T00:00:00Z", values: [4] }], ["cpu [%]"]);
  expect(lines[0]).toMatchObject({ label: "cpu", unit: "%", path: "1000.0,0.0 1000.0,0.0" });
});

it.each([
  [1.44, "%", "1.4 %"],
  [2048, "bytes/s", "2.0 KiB/s"],
  [390.9, "bytes", "391 B"],
  [1200, "", "1,200"],
])("tells %s of %s as %s", (value, unit, text) => expect(measured(value, unit)).toBe(text));
