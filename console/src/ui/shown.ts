import { worded } from "./words";

const WORD = /^[A-Z0-9_]+_[A-Z0-9_]+$/;

/** A value of the contract as it is shown: words of the contract in ours, a dash for nothing. */
export const shown = (value: unknown): string => {
  if (value === undefined || value === null || value === "") return "–";
  return typeof value === "string" && WORD.test(value) ? worded(value) : String(value);
};
