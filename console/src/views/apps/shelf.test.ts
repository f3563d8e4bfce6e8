import { describe, expect, it } from "vitest";
import { copyOf, imageOf, importOf, isOf, neededImages } from "./shelf";

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

const HEX = "0f".repeat(32);
const PLACE = { datastore: "d", arch: "AMD64" };
const REDIS = { id: "r", name: "redis" };

describe("an image that an app of the marketplace needs", () => {
  it("is there where repository and tag are the same, or the name of the file", () => {
    const redis = { imageRelUrl: "redis:7.2@sha256:0f", imageVersion: "7.2" };
    expect(isOf("redis:7.2", redis)).toBe(true);
    expect(isOf("redis:7.2", { imageRelUrl: "redis", imageVersion: "7.2" })).toBe(true);
    expect(isOf("redis:7.4", redis)).toBe(false);
    expect(isOf("other/redis:7.2", redis)).toBe(false);
    expect(isOf("disk.qcow2", { imageRelUrl: "vms/disk.qcow2" })).toBe(true);
    expect(isOf("disk.qcow2", {})).toBe(false);
  });
  it("is asked for once, and not where the tenant has it", () => {
    const drives = [
      { imagename: "redis:7.2", imageformat: "CONTAINER" },
      { imageformat: "RAW" },
      { imagename: "redis:7.2", imageformat: "CONTAINER" },
      { imagename: "disk.qcow2", imageformat: "QCOW2" },
    ];
    const own = [{ imageRelUrl: "disk.qcow2" }];
    expect(neededImages(drives, own)).toEqual([{ reference: "redis:7.2", format: "CONTAINER" }]);
  });
  it("is named after its bytes, and is one that the import finds", () => {
    const needed = { reference: "redis:7.2", format: "CONTAINER" };
    const made = imageOf(REDIS, needed, { sha256: `sha256:${HEX}`, bytes: "" }, PLACE);
    expect(made).toMatchObject({ name: "redis-0f0f0f0f0f0f", imageSha256: HEX });
    expect(isOf(needed.reference, made)).toBe(true);
    const open = imageOf(REDIS, needed, { sha256: "", bytes: "" }, PLACE);
    expect(open).toMatchObject({ name: "redis-7.2", imageVersion: "7.2" });
    expect(open).not.toHaveProperty("imageSha256");
  });
  it("has a digest and a size where it is a disk", () => {
    const needed = { reference: "disk.qcow2", format: "QCOW2" };
    const made = imageOf(REDIS, needed, { sha256: HEX, bytes: "1024" }, PLACE);
    expect(made).toMatchObject({ imageSizeBytes: "1024", imageRelUrl: "disk.qcow2" });
    expect(() => imageOf(REDIS, needed, { sha256: "", bytes: "1" }, PLACE)).toThrow(/sha256/);
    expect(() => imageOf(REDIS, needed, { sha256: HEX, bytes: "" }, PLACE)).toThrow(/bytes/);
  });
});
