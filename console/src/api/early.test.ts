import { expect, test } from "vitest";
import script from "../../public/first.js?raw";
import { ATTENTION } from "../views/overview/first";
import { queryText } from "./call";
import { early } from "./early";

const LIST = `${ATTENTION.path}${queryText(ATTENTION.query)}`;
const SELF = ["/v1/users/self", "/v1/roles/self", "/v1/enterprises/self"];

/** What the script asks in a tab that keeps this. */
function asked(kept: unknown, pathname: string): readonly string[] {
  const paths: string[] = [];
  const world = {
    localStorage: { getItem: () => "dark" },
    sessionStorage: { getItem: () => (kept === undefined ? null : JSON.stringify(kept)) },
    document: { documentElement: { classList: { toggle: () => true } } },
    location: { pathname },
    window: {},
    fetch: async (path: string) => paths.push(path),
  };
  new Function(...Object.keys(world), script)(...Object.values(world));
  return paths.map((one) => one.replace("/api", "")).sort();
}

test("what the page asks first is asked before its scripts run", () => {
  const held = { token: "abc", expires: Date.now() + 60_000 };
  expect(asked(held, "/")).toEqual([LIST, ...SELF].sort());
  expect(asked(held, "/nodes")).toEqual([...SELF].sort());
});

test("nothing is asked without a session, or with one that has ended", () => {
  expect(asked(undefined, "/")).toEqual([]);
  expect(asked({ token: "abc", expires: Date.now() - 1 }, "/")).toEqual([]);
  expect(asked("?", "/")).toEqual([]);
  expect(asked(null, "/")).toEqual([]);
});

test("an answer is for whoever asked, and serves once", () => {
  const answer = Promise.resolve(new Response("{}"));
  const all = { token: "abc", answers: new Map([[LIST, answer]]) };
  expect(early(all, LIST, "another")).toBeUndefined();
  expect(early(all, LIST, "abc")).toBe(answer);
  expect(early(all, LIST, "abc")).toBeUndefined();
  expect(early(undefined, LIST, "abc")).toBeUndefined();
});
