import { expect, it } from "vitest";
import { loadAhead } from "./ahead";

it("loads one after the other, past one that fails, until it is ended", async () => {
  const told: string[] = [];
  const end = new AbortController();
  const load = (name: string) => async () => {
    told.push(name);
    if (name === "broken") throw new Error("not there");
    if (name === "last") end.abort();
  };
  const idle = async () => {
    told.push("idle");
  };
  await loadAhead(["one", "broken", "last", "never"].map(load), idle, end.signal);
  expect(told).toEqual(["idle", "one", "idle", "broken", "idle", "last", "idle"]);
});
