import { describe, expect, it } from "vitest";
import type { Role } from "../api/types";
import { may, verbsOf } from "./rights";

const role = (scope: Record<string, unknown>): Role => ({ scopes: [scope] }) as unknown as Role;

describe("access words", () => {
  it("are verbs in a row", () => {
    expect([...verbsOf("PermissionAccessReadUpdate")]).toEqual(["Read", "Update"]);
  });
  it.each(["", undefined, "PermissionAccessNone", "PermissionAccessReadOnly"])(
    "grant nothing when they are none: %s",
    (word) => expect(verbsOf(word).size).toBe(0),
  );
});

describe("a role", () => {
  it("that updates may execute as well", () => {
    const updates = role({ accessDevice: "PermissionAccessReadUpdate" });
    expect(may(updates, "accessDevice", "Execute")).toBe(true);
    expect(may(updates, "accessDevice", "Delete")).toBe(false);
    expect(may(updates, "accessAppInstance", "Read")).toBe(false);
  });
  it("of the older word has bundles and instances", () => {
    const older = role({ accessApp: "PermissionAccessCreateRead" });
    expect(may(older, "accessEdgeApp", "Create")).toBe(true);
    expect(may(older, "accessAppInstance", "Read")).toBe(true);
    expect(may(older, "accessStorage", "Read")).toBe(false);
  });
  it("that is not known yet may nothing", () => {
    expect(may(undefined, "accessDevice", "Read")).toBe(false);
  });
});
