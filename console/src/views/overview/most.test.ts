import { expect, it } from "vitest";
import { mostOf } from "./most";

it("keeps the commonest and counts the rest as one", () => {
  expect(mostOf({ a: 1, b: 5, c: 2, d: 1 }, 2)).toEqual({ b: 5, c: 2, others: 2 });
});

it("says of what has no name that none was told", () => {
  expect(mostOf({ "": 3, "1.2": 4 })).toEqual({ "1.2": 4, "none told": 3 });
  expect(mostOf({})).toEqual({});
});
