import { expect, it } from "vitest";
import { named } from "./named";

it.each([
  [[], 0, "no app instance"],
  [["web-1"], 1, "web-1"],
  [["a", "b"], 1242, "a, b and 1,240 more"],
])("names %j of %i as %s", (names, total, text) => expect(named(names, total)).toBe(text));
