import { expect, it } from "vitest";
import { meant, PAGES } from "./found";

const page = { to: "/nodes", title: "Nodes", group: PAGES };
const instance = { to: "/instances/i", title: "shop", group: "App instances" };

it("goes to a page at once, and to what is looked up when all of it is there", () => {
  expect(meant([page, instance], false)).toBe(page);
  expect(meant([instance], false)).toBeUndefined();
  expect(meant([instance], true)).toBe(instance);
  expect(meant([], true)).toBeUndefined();
});
