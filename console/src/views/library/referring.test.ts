import { expect, it } from "vitest";
import { referring } from "./referring";

it("takes the id in, and leaves the rest as it was written", () => {
  const text = "name: web # of the hall\ndatastoreIdList: []\n";
  expect(referring(text, { member: "datastoreIdList", many: true }, "p-7")).toBe(
    "name: web # of the hall\ndatastoreIdList:\n  - p-7\n",
  );
  expect(referring("name: web\n", { member: "projectId" }, "p-1")).toBe(
    "name: web\nprojectId: p-1\n",
  );
});

it("leaves alone what is no YAML", () => {
  expect(referring("name: [", { member: "projectId" }, "p-1")).toBe("name: [");
});
