import { describe, expect, it } from "vitest";
import { isStill, outermost, readHeld } from "./vault";

describe("what a tab kept", () => {
  it("is taken while it holds", () => {
    expect(readHeld('{"token":"t","expires":20}', 10)).toEqual({ token: "t", expires: 20 });
  });
  it("knows the way back to the tenant above", () => {
    const text = '{"token":"t","expires":20,"home":{"token":"h","expires":30}}';
    expect(readHeld(text, 10)?.home).toEqual({ token: "h", expires: 30 });
    const held = readHeld(text, 10);
    expect(held && outermost(held).token).toBe("h");
    expect(readHeld('{"token":"t","expires":20,"home":7}', 10)?.home).toBeUndefined();
  });
  it.each(['{"token":"t","expires":10}', '{"token":7,"expires":20}', "nonsense", "null", "", null])(
    "is nothing else: %s",
    (text) => expect(readHeld(text, 10)).toBeUndefined(),
  );
});

it("is not taken up again by who left it while an answer was on its way", () => {
  const asked = { token: "t", expires: 20 };
  expect(isStill({ token: "t", expires: 30 }, asked)).toBe(true);
  expect(isStill({ token: "other", expires: 20, home: asked }, asked)).toBe(false);
  expect(isStill(undefined, asked)).toBe(false);
});
