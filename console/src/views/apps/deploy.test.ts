import { expect, it } from "vitest";
import type { Bundle } from "../../api/types";
import { jobOf, lacking, variablesOf } from "./deploy";

const BUNDLE = {
  id: "b",
  name: "web",
  manifestJSON: {
    configuration: {
      customConfig: {
        name: "c",
        fieldDelimiter: "###",
        variableGroups: [
          {
            name: "g",
            variables: [
              { name: "port", label: "Port", default: "80" },
              { name: "key", required: true, format: "VARIABLE_FORMAT_PASSWORD" },
            ],
          },
        ],
      },
    },
  },
} as unknown as Bundle;

it("asks what the manifest asks", () => {
  const variables = variablesOf(BUNDLE);
  expect(variables.map((one) => [one.label, one.value, one.secret])).toEqual([
    ["Port", "80", false],
    ["key", "", true],
  ]);
  expect(lacking(variables, {})).toEqual(["key"]);
  expect(lacking(variables, { "g/key": "k" })).toEqual([]);
  expect(variablesOf({ id: "x" } as Bundle)).toEqual([]);
});

it("is one job, the same for every node, with what was told", () => {
  const choice = { bundle: BUNDLE, values: { "g/key": "k" }, nodes: ["n1", "n2"], prefix: "web" };
  const job = jobOf(choice, new Date(0));
  expect(job.selectionCriteria).toEqual({ bundleId: "b", deviceIdList: ["n1", "n2"] });
  const [entry] = job.instanceDeploy.instanceConfig;
  expect(entry?.appInstanceConfig).toMatchObject({
    appId: "b",
    name: "web",
    activate: true,
    customConfig: {
      fieldDelimiter: "###",
      variableGroups: [
        {
          variables: [
            { name: "port", value: "80" },
            { name: "key", value: "k" },
          ],
        },
      ],
    },
  });
});
