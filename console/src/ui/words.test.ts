import { describe, expect, it } from "vitest";
import { inWords, kindOf, toneOf, worded } from "./words";

describe("words of the contract", () => {
  it.each([
    ["RUN_STATE_MAINTENANCE_MODE", "Maintenance mode"],
    ["ATTEST_STATE_PASS_NO_PCR", "Passed, no PCRs"],
    ["APP_TYPE_VM", "VM"],
    ["RUN_STATE_UNSPECIFIED", "–"],
    ["PAUSED", "Paused"],
    ["DATASTORE_TYPE_CONTAINERREGISTRY", "Container registry"],
    ["USER_ROLE_SYSTEM_DEFINED", "Built in"],
    ["NETWORK_KIND_V4", "IPv4"],
    ["", "–"],
    [undefined, "–"],
  ])("are read by people: %s", (word, text) => expect(worded(word)).toBe(text));
  it("are read inside of a sentence, and no other word is touched", () => {
    expect(inWords("started again: BOOT_REASON_POWER_FAIL")).toBe("started again: power fail");
    expect(inWords("give EAVES_RUN_STATE_X or ETH0_X")).toBe("give EAVES_RUN_STATE_X or ETH0_X");
    expect(inWords("app instance web: state CREATED_VOLUME (was LOADED)")).toBe(
      "app instance web: created volume (was loaded)",
    );
    expect(inWords("suspect: not heard of since 2026-11-23T01:04:11.099959+00:00")).toBe(
      "suspect: not heard of since Nov 23, 2026, 01:04:11 UTC",
    );
    expect(inWords("since 2026-99-99T01:04:11Z")).toBe("since 2026-99-99T01:04:11Z");
    expect(inWords("device a: state ONLINE")).toBe("device a: online");
    expect(inWords(undefined)).toBe("");
  });
  it.each([
    ["devices", "node"],
    ["alert_rules", "alert rule"],
    ["users", "user"],
    ["audit", "audit"],
  ])("name a kind of objects: %s", (table, noun) => expect(kindOf(table)).toBe(noun));
  it.each([
    ["RUN_STATE_ONLINE", "good"],
    ["COMPLETE", "good"],
    ["RUN_STATE_OFFLINE", "bad"],
    ["RUN_STATE_DOWNLOADING", "busy"],
    ["ATTEST_STATE_FAIL", "bad"],
    ["SEVERITY_WARNING", "warning"],
    [undefined, "off"],
  ])("are as bad as they are: %s", (word, tone) => expect(toneOf(word)).toBe(tone));
});
