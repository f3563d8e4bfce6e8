import { describe, expect, it } from "vitest";
import { toneOf, worded } from "./words";

describe("words of the contract", () => {
  it.each([
    ["RUN_STATE_BASEOS_UPDATING", "Baseos updating"],
    ["RUN_STATE_UNSPECIFIED", "–"],
    ["PAUSED", "Paused"],
    ["", "–"],
    [undefined, "–"],
  ])("are read by people: %s", (word, text) => expect(worded(word)).toBe(text));
  it.each([
    ["RUN_STATE_ONLINE", "good"],
    ["RUN_STATE_OFFLINE", "bad"],
    ["RUN_STATE_DOWNLOADING", "busy"],
    ["ATTEST_STATE_FAIL", "bad"],
    ["SEVERITY_WARNING", "warning"],
    [undefined, "off"],
  ])("are as bad as they are: %s", (word, tone) => expect(toneOf(word)).toBe(tone));
});
