import type { Project } from "../../api/types";

const POLICIES = {
  appPolicy: "Apps",
  networkPolicy: "Networks",
  attestationPolicy: "Attestation",
  edgeviewPolicy: "EdgeView",
  configurationLockPolicy: "Configuration lock",
} as const;
const NAMES = Object.keys(POLICIES) as readonly (keyof typeof POLICIES)[];

/** What the policies of a project are about, in the order in which they are made. */
export const policiesOf = (row: Project): readonly string[] =>
  NAMES.filter((name) => row[name]).map((name) => POLICIES[name]);
