import { worded } from "../../ui/words";

const WORD = /^[A-Z0-9_]+_[A-Z0-9_]+$/;

/** A member of a row as its cell shows it: words of the contract in ours, a dash for nothing. */
export const shown = (value: unknown): string => {
  if (value === undefined || value === null || value === "") return "–";
  return typeof value === "string" && WORD.test(value) ? worded(value) : String(value);
};
