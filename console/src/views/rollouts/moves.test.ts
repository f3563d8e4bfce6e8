import { expect, it } from "vitest";
import { movesOf } from "./moves";

it.each([
  ["RUNNING", ["Pause", "Abort", "Undo"]],
  ["PAUSED", ["Resume", "Abort", "Undo"]],
  ["ABORTED", ["Undo"]],
  ["COMPLETED", ["Undo"]],
  ["UNDOING", []],
  ["UNDO_HELD", ["Undo"]],
  ["UNDONE", []],
])("a roll-out that is %s may be told %s", (phase, names) => {
  expect(movesOf(phase).map((one) => one.name)).toEqual(names);
});
