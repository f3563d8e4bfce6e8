import { expect, it } from "vitest";
import { movesOf, movesOfSome } from "./moves";

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

it("means those of many that may be told it", () => {
  const chosen = ["PAUSED", "RUNNING", "UNDONE"].map((phase) => ({ phase }));
  const told = movesOfSome(chosen).map(({ move, meant }) => [
    move.name,
    meant.map((one) => one.phase),
  ]);
  expect(told).toEqual([
    ["Pause", ["RUNNING"]],
    ["Resume", ["PAUSED"]],
    ["Abort", ["PAUSED", "RUNNING"]],
    ["Undo", ["PAUSED", "RUNNING"]],
  ]);
  expect(movesOfSome([])).toEqual([]);
});
