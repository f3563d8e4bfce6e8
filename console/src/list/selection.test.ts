import { expect, it } from "vitest";
import { allChosen, allOf, type Chosen, MOST, toggled } from "./selection";

const NONE: Chosen<string> = new Map();
const same = (row: string) => row;

it("chooses rows over pages", () => {
  const first = allOf(NONE, ["a", "b"], same, true);
  const both = allOf(first, ["c"], same, true);
  expect([...both.keys()]).toEqual(["a", "b", "c"]);
  expect(allChosen(both, ["a", "c"], same)).toBe(true);
  const less = toggled(both, "a", "a", false);
  expect(allChosen(less, ["a", "c"], same)).toBe(false);
  expect(allChosen(NONE, [], same)).toBe(false);
});

it("is bounded", () => {
  const many = allOf(
    NONE,
    Array.from({ length: MOST + 5 }, (_x, n) => String(n)),
    same,
    true,
  );
  expect(many.size).toBe(MOST);
});
