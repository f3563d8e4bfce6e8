import { expect, it } from "vitest";
import { jobName } from "./names";

it("is a name that the contract allows", () => {
  const name = jobName("deploy my app/1", new Date("2026-01-02T03:04:05.678Z"));
  expect(name).toBe("deploy-my-app-1-2026-01-02T03-04-05-678Z");
  expect(name).toMatch(/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/);
});
