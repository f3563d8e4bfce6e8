import { describe, expect, it } from "vitest";
import { copyOf, importOf } from "./shelf";

describe("an app of the marketplace", () => {
  it("is found in the tenant by what it was copied from, not by its name", () => {
    const own = [
      { id: "1", name: "web" },
      { id: "2", name: "ours", parentDetail: { idOfParentObject: "shelf-web" } },
    ];
    expect(copyOf({ id: "shelf-web", name: "web" }, own)).toBe("2");
    expect(copyOf({ id: "other", name: "web" }, own)).toBeUndefined();
    expect(copyOf({ name: "web" }, own)).toBeUndefined();
  });
  it("is imported under its own name, by a job with a name of this moment", () => {
    expect(importOf({ id: "shelf-web", name: "web" }, new Date(0))).toEqual({
      jobName: "import-web-1970-01-01T00-00-00-000Z",
      bundleImport: { bundleConfig: [{ name: "web", parentBundleId: "shelf-web" }] },
    });
  });
});
