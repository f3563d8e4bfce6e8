import { describe, expect, it } from "vitest";
import type { Api } from "../../api/client";
import { abortable, untilEnded } from "./ended";

/** A controller whose job stands so, look after look, and has this to tell of objects that failed. */
function controller(standings: readonly string[], ...results: readonly string[]) {
  const left = [...standings];
  const get = async () => ({
    name: "import-web",
    status: left.length > 1 ? left.shift() : left[0],
    errorDetailOfJob: results.length > 0 ? "1 of 1 objects failed" : "",
  });
  const getOwn = async () => ({ list: results.map((result) => ({ result })) });
  return { get, getOwn } as unknown as Pick<Api, "get" | "getOwn">;
}
const atOnce = async () => undefined;

describe("a job that is waited for", () => {
  it("is over when all of it is done", async () => {
    const standings = ["JOB_STATUS_READY", "JOB_STATUS_INPROGRESS", "JOB_STATUS_COMPLETED"];
    const api = controller(standings);
    await expect(untilEnded(api, "1", atOnce)).resolves.toBeUndefined();
  });
  it.each([
    ["JOB_STATUS_FAILED", /import-web.*the name is taken/],
    ["JOB_STATUS_COMPLETED", /import-web.*the name is taken/],
    ["JOB_STATUS_INPROGRESS", /goes on/],
  ])("that ends as %s is told", async (status, text) => {
    await expect(
      untilEnded(controller([status], "the name is taken"), "1", atOnce),
    ).rejects.toThrow(text);
  });
});

it("stops what goes on, where somebody may", () => {
  const job = (status: string, mine: boolean) => ({ status: `JOB_STATUS_${status}`, mine });
  const chosen = new Map([
    ["a", job("INPROGRESS", true)],
    ["b", job("INPROGRESS", false)],
    ["c", job("COMPLETED", true)],
    ["d", job("ABORTED", true)],
    ["e", job("READY", true)],
  ]);
  expect(abortable(chosen, (one) => one.mine).map(([id]) => id)).toEqual(["a", "e"]);
});
