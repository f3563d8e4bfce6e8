/** What the wizard sends: one job that makes an instance of an app on each chosen node. */
import type { Bundle } from "../../api/types";
import { jobName } from "../jobs/names";

export interface Variable {
  readonly group: string;
  readonly name: string;
  readonly label: string;
  readonly format: string;
  readonly value: string;
  readonly required: boolean;
  readonly secret: boolean;
  readonly options: readonly { readonly value: string; readonly label: string }[];
}

interface Raw {
  readonly name?: string;
  readonly label?: string;
  readonly format?: string;
  readonly default?: string;
  readonly value?: string;
  readonly required?: boolean;
  readonly options?: readonly { readonly value?: string; readonly label?: string }[];
}
interface Config {
  readonly name?: string;
  readonly fieldDelimiter?: string;
  readonly variableGroups?: readonly {
    readonly name?: string;
    readonly variables?: readonly Raw[];
  }[];
}

const configOf = (bundle: Bundle): Config | undefined => {
  const manifest = bundle.manifestJSON as
    | { readonly configuration?: { readonly customConfig?: Config } }
    | undefined;
  return manifest?.configuration?.customConfig;
};

/** What an app wants to be told, in the order of its manifest. */
export function variablesOf(bundle: Bundle): readonly Variable[] {
  return (configOf(bundle)?.variableGroups ?? []).flatMap((group) =>
    (group.variables ?? []).map((one) => ({
      group: group.name ?? "",
      name: one.name ?? "",
      label: one.label || one.name || "",
      format: one.format ?? "VARIABLE_FORMAT_TEXT",
      value: one.value || one.default || "",
      required: one.required ?? false,
      secret: one.format === "VARIABLE_FORMAT_PASSWORD",
      options: (one.options ?? []).map((option) => ({
        value: option.value ?? "",
        label: option.label || option.value || "",
      })),
    })),
  );
}

export const keyOf = (one: Pick<Variable, "group" | "name">): string => `${one.group}/${one.name}`;

/** The names of what has to be told and is not. */
export function lacking(
  variables: readonly Variable[],
  values: Readonly<Record<string, string>>,
): readonly string[] {
  return variables
    .filter((one) => one.required && !(values[keyOf(one)] ?? one.value))
    .map((one) => one.label);
}

export interface Choice {
  readonly bundle: Bundle;
  readonly values: Readonly<Record<string, string>>;
  readonly nodes: readonly string[];
  readonly prefix: string;
}

/** The body of `PUT /v1/jobs/apps/instances/create`; the rest is taken from the manifest there. */
export function jobOf({ bundle, values, nodes, prefix }: Choice, at: Date) {
  const config = configOf(bundle);
  const groups = (config?.variableGroups ?? []).map((group) => ({
    name: group.name ?? "",
    variables: (group.variables ?? []).map((one) => ({
      name: one.name ?? "",
      format: one.format ?? "VARIABLE_FORMAT_TEXT",
      value:
        values[keyOf({ group: group.name ?? "", name: one.name ?? "" })] ??
        one.value ??
        one.default ??
        "",
    })),
  }));
  const instance = {
    appId: bundle.id,
    name: prefix,
    title: prefix,
    activate: true,
    logs: { access: true },
    ...(config
      ? {
          customConfig: {
            name: config.name ?? "",
            fieldDelimiter: config.fieldDelimiter ?? "",
            variableGroups: groups,
          },
        }
      : {}),
  };
  return {
    jobName: jobName(`deploy-${prefix}`, at),
    selectionCriteria: { bundleId: bundle.id, deviceIdList: nodes },
    instanceDeploy: { instanceConfig: [{ appInstanceConfig: instance }] },
  };
}
