import { describe, expect, it, vi } from "vitest";
import { call, failedInside, filled, queryText, reasonsIn } from "./call";

describe("paths", () => {
  it("keep any character of a name inside of its part", () => {
    expect(filled("/v1/devices/name/{name}", { name: "a/b?c <é>" })).toBe(
      "/v1/devices/name/a%2Fb%3Fc%20%3C%C3%A9%3E",
    );
  });
  it("refuse a part that nobody gave", () => {
    expect(() => filled("/v1/devices/id/{id}", {})).toThrow("id is not given");
  });
});

describe("queries", () => {
  it("leave out what is empty and repeat what is many", () => {
    const query = { a: "", b: undefined, tags: ["x:1", "y:2"], "next.pageSize": 50, summary: true };
    expect(queryText(query)).toBe("?tags=x%3A1&tags=y%3A2&next.pageSize=50&summary=true");
    expect(queryText({})).toBe("");
  });
});

describe("refusals", () => {
  it("tell every reason with its member", () => {
    const error = [
      { ec: "zMsgBad", details: "name is taken", location: "name" },
      { ec: "zMsgBad", details: "no such model", location: "" },
    ];
    expect(reasonsIn({ error }, 409)).toEqual([
      { details: "name is taken", location: "name" },
      { details: "no such model", location: "" },
    ]);
  });
  it("always say something", () => {
    expect(reasonsIn("<html>", 502)[0]?.details).toContain("502");
  });
  it("may hide in an answer of success", () => {
    expect(failedInside({ error: [{ ec: "zMsgCreated", details: "x" }] })).toBe(true);
    expect(failedInside({ error: [{ ec: "zMsgSucess", details: "fine" }] })).toBe(false);
    expect(failedInside({ error: [] })).toBe(false);
  });
});

describe("no answer", () => {
  it.each([
    ["GET", "this page tries again"],
    ["PUT", "whether this was done is not known"],
  ] as const)("of a %s says what to do next", async (method, said) => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
    await expect(call({ method, path: "/v1/jobs" })).rejects.toThrow(said);
    vi.unstubAllGlobals();
  });
});
