import { describe, expect, it } from "vitest";
import { isFirstHour } from "./first";
import { stepsOf } from "./steps";

const NOTHING = {
  models: false,
  projects: false,
  nodes: false,
  netinsts: false,
  app: undefined,
};
const standings = (have: Partial<Parameters<typeof stepsOf>[0]>) =>
  stepsOf({ ...NOTHING, ...have }).map((one) => one.standing);

describe("the first hour", () => {
  it("begins with a model", () =>
    expect(standings({})).toEqual(["next", "later", "later", "later", "later", "later"]));
  it("goes on with the first step that is not done", () =>
    expect(standings({ models: true, nodes: true })).toEqual([
      ...["done", "next", "done", "later", "later", "later"],
    ]));
  it("ends with an instance of the app that there is", () => {
    const all = { models: true, projects: true, nodes: true, netinsts: true };
    const steps = stepsOf({ ...all, app: "a-1" });
    expect(steps.at(-1)).toMatchObject({ standing: "next", to: "/apps/a-1/deploy" });
  });
  it.each([
    [0, undefined, true],
    [0, 0, true],
    [1, 0, true],
    [1, 1, false],
    [1, undefined, false], // not known yet, or not to be known by this role
    [300, 0, false],
  ])("with %s nodes and %s instances it is so: %s", (nodes, instances, is) =>
    expect(isFirstHour(nodes, instances)).toBe(is),
  );
});
