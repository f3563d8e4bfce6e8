import { describe, expect, it } from "vitest";
import type { Api } from "../../api/client";
import { untilEnded } from "./ended";

/** A controller whose job stands so, look after look. */
function controller(...standings: readonly string[]) {
  const left = [...standings];
  const get = async () => ({
    name: "import-web",
    status: left.length > 1 ? left.shift() : left[0],
    errorDetailOfJob: "the name is taken",
  });
  return { get } as unknown as Pick<Api, "get">;
}
const atOnce = async () => undefined;

describe("a job that is waited for", () => {
  it("is over when all of it is done", async () => {
    const api = controller("JOB_STATUS_READY", "JOB_STATUS_INPROGRESS", "JOB_STATUS_COMPLETED");
    await expect(untilEnded(api, "1", atOnce)).resolves.toBeUndefined();
  });
  it.each([
    ["JOB_STATUS_FAILED", /import-web.*the name is taken/],
    ["JOB_STATUS_INPROGRESS", /goes on/],
  ])("that ends as %s is told", async (status, text) => {
    await expect(untilEnded(controller(status), "1", atOnce)).rejects.toThrow(text);
  });
});
