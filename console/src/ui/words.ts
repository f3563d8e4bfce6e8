/** Words of the contract as people read them, and how bad each state is. */

export type Tone = "good" | "busy" | "warning" | "bad" | "off";

const PREFIXES =
  /^(RUN_STATE|ADMIN_STATE|ATTEST_STATE|SEVERITY|JOB_STATUS|BULK_SERVICE|APP_TYPE|ALERT_CONDITION|SW_STATE|EVENT_SOURCE|USER_STATE|ROLE_STATE|TAG_TYPE|ADAPTER_USAGE|NETWORK_KIND|NETWORK_INSTANCE_KIND|POLICY_STATUS|DATASTORE_STATUS|IMAGE_STATUS|ORIGIN)_/;

/** `RUN_STATE_BASEOS_UPDATING` as `Baseos updating`. */
export function worded(word: string | undefined): string {
  const plain = (word ?? "").replace(PREFIXES, "").replace(/_/g, " ").toLowerCase();
  if (!plain || plain === "unspecified") return "–";
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

const TONES: Readonly<Record<string, Tone>> = {
  ONLINE: "good",
  PASS: "good",
  COMPLETED: "good",
  READY: "good",
  ACTIVE: "good",
  SUCCEEDED: "good",
  OFFLINE: "bad",
  ERROR: "bad",
  FAIL: "bad",
  FAIL_NO_PCR: "bad",
  FAILED: "bad",
  ABORTED: "bad",
  NOT_UNDONE: "bad",
  SUSPECT: "warning",
  PAUSED: "warning",
  UNDO_HELD: "warning",
  UNCLAIMED: "warning",
  PASS_NO_PCR: "warning",
  MAINTENANCE_MODE: "warning",
  WARNING: "warning",
  HALTED: "off",
  INACTIVE: "off",
  UNPROVISIONED: "off",
  UNSPECIFIED: "off",
  UNKNOWN: "off",
  NONE: "off",
  CREATED: "off",
  REGISTERED: "off",
  NOTICE: "off",
  INFO: "off",
};

/** A word that nobody listed is one on its way somewhere: downloading, booting, halting. */
export function toneOf(word: string | undefined): Tone {
  return TONES[(word ?? "UNSPECIFIED").replace(PREFIXES, "")] ?? "busy";
}
