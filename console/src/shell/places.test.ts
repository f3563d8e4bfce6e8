import { describe, expect, it } from "vitest";
import { fits, PLACES, placeOf, visible } from "./places";

describe("places", () => {
  it("have keys and paths of their own", () => {
    const keys = PLACES.flatMap((one) => one.key ?? []);
    expect(new Set(keys).size).toBe(keys.length);
    expect(new Set(PLACES.map((one) => one.path)).size).toBe(PLACES.length);
  });
  it("are hidden from a role that cannot read them", () => {
    const shown = visible(() => false).flatMap((group) => group.places.map((one) => one.path));
    expect(shown).toEqual(["/", "/tokens"]);
  });
  it("are found by an address below them", () => {
    expect(placeOf("/nodes/7/logs")?.title).toBe("Nodes");
    expect(placeOf("/library/images/7")?.title).toBe("Images");
    expect(placeOf("/")?.title).toBe("Overview");
    expect(placeOf("/nothing")).toBeUndefined();
  });
  it("are found by the beginnings of their words", () => {
    expect(fits("Roll-outs", "ro ou")).toBe(true);
    expect(fits("Roll-outs", "ut")).toBe(false);
    expect(fits("Nodes", "")).toBe(true);
  });
});
