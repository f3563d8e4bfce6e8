import { expect, it } from "vitest";
import { summaryOf } from "./planned";

const NONE = {
  created: 0,
  changed: 0,
  restarted: 0,
  purged: 0,
  deleted: 0,
  refusedOnNodes: 0,
  tooFull: 0,
};

it("says what happens, or that nothing does", () => {
  expect(summaryOf({ ...NONE, nodes: 0 })).toBe("No node is reached by this.");
  expect(summaryOf({ ...NONE, nodes: 3 })).toBe("On 3 nodes: nothing changes.");
  expect(summaryOf({ ...NONE, nodes: 3, created: 2, purged: 1 })).toBe(
    "On 3 nodes: objects: 2 are made, 1 start anew with new volumes.",
  );
  expect(summaryOf({ ...NONE, deleted: 1 })).toBe("objects: 1 are deleted");
});
