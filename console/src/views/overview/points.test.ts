import { describe, expect, it } from "vitest";
import { called, pointsOf, positionOf, titleOf, WORST } from "./points";

describe("a place", () => {
  it.each([
    ["52.52, 13.405", [13.405, 52.52]],
    ["-33.9;151.2", [151.2, -33.9]],
    ["10 20", [20, 10]],
  ])("%s is a position", (text, position) => {
    expect(positionOf(text)).toEqual(position);
  });
  it.each(["Berlin, Germany", "91, 0", "0, 181", "1,2,3", "", undefined])("%s is none", (text) => {
    expect(positionOf(text)).toBeUndefined();
  });
});

it.each([
  ["52.52,13.40", "52.52° N, 13.4° E"],
  ["-23.55, -46.63", "23.55° S, 46.63° W"],
  ["Berlin, Germany", "Berlin, Germany"],
  ["", "somewhere"],
])("%s is called %s", (text, name) => expect(called(text)).toBe(name));

it("has the colour of its worst node", () => {
  const at = (location: string) => ({ location, count: 2 });
  const { features } = pointsOf(
    [at("1,1"), at("2,2"), at("3,3"), at("hall 7")],
    [at("1,1")],
    [at("1,1"), at("2,2")],
  );
  expect(features.map((one) => one.properties.worst)).toEqual([
    WORST.bad,
    WORST.unsure,
    WORST.fine,
  ]);
});

it("is called what its nodes call it, else by its country", () => {
  expect(titleOf({ location: "46.9, 7.4", name: "Bern, CH" }, "Switzerland")).toBe(
    "Bern, CH (46.9° N, 7.4° E)",
  );
  expect(titleOf({ location: "46.9, 7.4" }, "Switzerland")).toBe("Switzerland (46.9° N, 7.4° E)");
  expect(titleOf({ location: "hall 7" }, undefined)).toBe("hall 7");
  expect(titleOf({}, undefined)).toBe("somewhere");
});
