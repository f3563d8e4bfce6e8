import { expect, it } from "vitest";
import { ANYWAY, loses } from "./leaving";

const at = (pathname: string, state: unknown = null) => ({ pathname, state });

it("loses what is written by another tab or page, not by a filter", () => {
  expect(loses(at("/apps/1"), at("/apps/1/text"))).toBe(true);
  expect(loses(at("/apps/1"), at("/apps"))).toBe(true);
  expect(loses(at("/apps/1"), at("/apps/1"))).toBe(false);
});

it("loses nothing of what was deleted", () => {
  expect(loses(at("/apps/1"), at("/apps", ANYWAY))).toBe(false);
  expect(loses(at("/apps/1"), at("/apps", { from: "elsewhere" }))).toBe(true);
});
