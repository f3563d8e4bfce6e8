import { expect, it } from "vitest";
import { COUNTRIES } from "./countries";
import { countryAt } from "./country";
import { positionOf } from "./points";

const at = (text: string) => {
  const position = positionOf(text);
  if (!position) throw new Error(`${text} is no position`);
  return countryAt(position, COUNTRIES);
};

it.each([
  ["52.52, 13.40", "Germany"],
  ["48.86, 2.35", "France"],
  ["46.95, 7.45", "Switzerland"],
  ["-29.31, 27.48", "Lesotho"], // in a hole of another one
  ["64.7, 177.5", "Russia"], // on both sides of the date line
  ["66.2, -171.0", "Russia"],
])("%s is in %s", (text, name) => expect(at(text)).toBe(name));

it("is near what lies off a coast, and nowhere on the open sea", () => {
  expect(at("1.35, 103.82")).toMatch(/Malaysia/); // too small for these coasts: it is said to be near
  expect(at("38.5, 12.0")).toBe("near Italy");
  expect(at("0, -30")).toBeUndefined();
});
