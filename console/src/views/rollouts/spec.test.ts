import { describe, expect, it } from "vitest";
import { FIRST_SPEC, type SpecForm, specOf, tagsOf } from "./spec";

const OS: SpecForm = {
  ...FIRST_SPEC,
  operation: "BULK_SERVICE_BASEOS_UPDATE",
  name: "os-14",
  project: "p-1",
  image: { id: "i-1", name: "eve-14" },
  version: "14.0",
  tags: "region=north",
};

describe("the form of a roll-out", () => {
  it("asks for an image, wave by wave, the rest at last", () => {
    expect(specOf(OS)).toEqual({
      name: "os-14",
      operationType: "BULK_SERVICE_BASEOS_UPDATE",
      selectionCriteria: { projectId: "p-1" },
      selector: { region: "north" },
      baseosUpdate: {
        baseimage: { uuid: "i-1", imageName: "eve-14", version: "14.0", activate: true },
      },
      waves: [{ share: 2 }, { share: 20 }, {}],
      successThreshold: 95,
      deadlineSeconds: 3600,
    });
  });
  it("asks for the newest version of an app, in all projects or in one", () => {
    const form = { ...OS, operation: "BULK_SERVICE_APPINSTANCE_REFRESH", app: "a-1" } as const;
    expect(specOf(form)).toMatchObject({
      selectionCriteria: { bundleId: "a-1", projectId: "p-1" },
    });
    expect(specOf({ ...form, project: "" }).selectionCriteria).toEqual({ bundleId: "a-1" });
    expect(() => specOf({ ...form, app: "" })).toThrow("choose an app");
  });
  it.each<[Partial<SpecForm>, string]>([
    [{ image: undefined }, "choose an image"],
    [{ project: "" }, "choose a project"],
    [{ waves: "60, 60" }, "more than 100 %"],
    [{ waves: "some" }, "a wave: some is no number from 0 to 100"],
    [{ threshold: "101" }, "101 is no number from 0 to 100"],
    [{ minutes: "" }, "nothing is no number from 1"],
    [{ tags: "north" }, "write it as NAME=VALUE"],
  ])("refuses %j", (change, text) => {
    expect(() => specOf({ ...OS, ...change })).toThrow(text);
  });
  it("takes one wave of all where none is told", () =>
    expect(specOf({ ...OS, waves: " " }).waves).toEqual([{}]));
  it("reads tags whose values hold what parts them", () =>
    expect(tagsOf("a=1=2, b = x ")).toEqual({ a: "1=2", b: "x" }));
});
