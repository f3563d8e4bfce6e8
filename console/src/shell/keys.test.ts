import { describe, expect, it } from "vitest";
import { pressed } from "./keys";

const key = (name: string, more = {}) => ({
  key: name,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  ...more,
});

describe("a key", () => {
  it("opens the palette from anywhere", () => {
    expect(pressed(key("k", { ctrlKey: true }), true, false)).toEqual({ kind: "palette" });
    expect(pressed(key("K", { metaKey: true }), false, false)).toEqual({ kind: "palette" });
  });
  it("is text in a field", () => {
    for (const name of ["/", "?", "g", "n"]) expect(pressed(key(name), true, true)).toBeUndefined();
  });
  it("goes somewhere after g", () => {
    expect(pressed(key("g"), false, false)).toEqual({ kind: "wait" });
    expect(pressed(key("n"), false, true)).toEqual({ kind: "go", key: "n" });
    expect(pressed(key("n"), false, false)).toBeUndefined();
  });
  it("leaves the browser what is its own", () => {
    expect(pressed(key("g", { ctrlKey: true }), false, false)).toBeUndefined();
    expect(pressed(key("/", { altKey: true }), false, false)).toBeUndefined();
  });
});
