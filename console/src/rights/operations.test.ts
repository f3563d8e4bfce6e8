import { expect, it } from "vitest";
import { mayMany } from "./operations";

it("asks for what the operation does to its objects", () => {
  const runs = (area: string, verb: string) => area === "accessAppInstance" && verb === "Execute";
  expect(mayMany(runs, "BULK_SERVICE_APPINSTANCE_REFRESH")).toBe(true);
  expect(mayMany(runs, "BULK_SERVICE_APPINSTANCE_DELETE")).toBe(false);
  expect(mayMany(runs, "BULK_SERVICE_BASEOS_UPDATE")).toBe(false);
});

it("permits nothing that it does not know", () => {
  expect(mayMany(() => true, undefined)).toBe(false);
  expect(mayMany(() => true, "BULK_SERVICE_UNSPECIFIED")).toBe(false);
});
