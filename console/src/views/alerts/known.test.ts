import { expect, it } from "vitest";
import { byKnown } from "./known";

it("parts what is chosen by whether somebody takes care of it", () => {
  const [a, b] = [{ acknowledged: true }, { acknowledged: false }];
  const chosen = new Map([
    ["a", a],
    ["b", b],
  ]);
  expect(byKnown(chosen)).toEqual({ known: [a], unknown: [b] });
});
