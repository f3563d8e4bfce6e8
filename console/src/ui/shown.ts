import { worded } from "./words";

const WORD = /^[A-Z0-9_]+_[A-Z0-9_]+$/;
const FORMATS: Readonly<Record<string, string>> = {
  AMD64: "x86-64",
  CONTAINER: "Container",
  RAW: "Raw",
};

/** A value of the contract as it is shown: words of the contract in ours, a dash for nothing. */
export const shown = (value: unknown): string => {
  if (value === undefined || value === null || value === "") return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "string") return String(value);
  return WORD.test(value) ? worded(value) : (FORMATS[value] ?? value);
};
