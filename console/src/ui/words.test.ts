import { describe, expect, it } from "vitest";
import { inWords, toneOf, worded } from "./words";

describe("words of the contract", () => {
  it.each([
    ["RUN_STATE_MAINTENANCE_MODE", "Maintenance mode"],
    ["ATTEST_STATE_PASS_NO_PCR", "Passed, no PCRs"],
    ["APP_TYPE_VM", "VM"],
    ["RUN_STATE_UNSPECIFIED", "–"],
    ["PAUSED", "Paused"],
    ["", "–"],
    [undefined, "–"],
  ])("are read by people: %s", (word, text) => expect(worded(word)).toBe(text));
  it("are read inside of a sentence, and no other word is touched", () => {
    expect(inWords("started again: BOOT_REASON_POWER_FAIL")).toBe("started again: power fail");
    expect(inWords("give EAVES_RUN_STATE_X or ETH0_X")).toBe("give EAVES_RUN_STATE_X or ETH0_X");
    expect(inWords(undefined)).toBe("");
  });
  it.each([
    ["RUN_STATE_ONLINE", "good"],
    ["RUN_STATE_OFFLINE", "bad"],
    ["RUN_STATE_DOWNLOADING", "busy"],
    ["ATTEST_STATE_FAIL", "bad"],
    ["SEVERITY_WARNING", "warning"],
    [undefined, "off"],
  ])("are as bad as they are: %s", (word, tone) => expect(toneOf(word)).toBe(tone));
});
