import { expect, it } from "vitest";
import { type Checked, whole } from "./chain";

const PARTS: readonly Checked[] = [
  { intact: true, checked: 5000, next: 5001, last: 5000, digest: "d1" },
  { intact: true, checked: 20, next: 0, last: 5020, digest: "d2" },
];

it("goes on until the end, each part tied to the one before", async () => {
  const asked: [number, string][] = [];
  const told = await whole(async (from, anchor) => {
    asked.push([from, anchor]);
    return PARTS[asked.length - 1] as Checked;
  });
  expect(told).toEqual({ intact: true, checked: 5020, fault: "" });
  expect(asked).toEqual([
    [0, ""],
    [5001, "5000:d1"],
  ]);
});

it("stops at the first fault and tells it", async () => {
  const fault = { number: 4, why: "was changed" };
  const broken = { intact: false, checked: 3, next: 0, fault };
  expect(await whole(async () => broken)).toEqual({
    intact: false,
    checked: 3,
    fault: "entry 4: was changed",
  });
});
