/** Words of the contract as people read them, and how bad each state is. */
import { exactly, momentOf } from "./time";

export type Tone = "good" | "busy" | "warning" | "bad" | "off";

const PREFIXES =
  /^(RUN_STATE|ADMIN_STATE|ATTEST_STATE|SEVERITY|JOB_STATUS|BULK_SERVICE|APP_TYPE|ALERT_CONDITION|SW_STATE|EVENT_SOURCE|USER_STATE|ROLE_STATE|TAG_TYPE|ADAPTER_USAGE|NETWORK_KIND|NETWORK_INSTANCE_KIND|POLICY_STATUS|DATASTORE_STATUS|IMAGE_STATUS|ORIGIN|BOOT_REASON|DATASTORE_TYPE|VOLUME_INSTANCE_TYPE|PATCH_ENVELOPE_ACTION|ALERT_CHANNEL_TYPE|AUTH_PROFILE_TYPE|USER_ROLE|ENTERPRISE_STATE|ATTEST_POLICY_TYPE)_/;
/** What is not said as it is spelled. */
const SAID: Readonly<Record<string, string>> = {
  PASS: "Passed",
  COMPLETE: "Completed",
  PASS_NO_PCR: "Passed, no PCRs",
  FAIL: "Failed",
  FAIL_NO_PCR: "Failed, no PCRs",
  BASEOS_UPDATING: "Updating its OS",
  BASEOS_UPDATE: "OS update",
  BASEOS_UPDATE_RETRY: "OS update, again",
  APPINSTANCE_DEPLOY: "App deployment",
  APPINSTANCE_REFRESH: "App update",
  APPINSTANCE_PURGE: "App purge",
  APPINSTANCE_DELETE: "App removal",
  BUNDLE_IMPORT: "App import",
  DEVICE_TAG_UPDATE: "Tags of nodes",
  DEVICE_PROJECT_AND_TARGET_UPDATE: "Project of nodes",
  VM: "VM",
  VM_RUNTIME: "VM runtime",
  V4: "IPv4",
  V4_ONLY: "IPv4 only",
  V6: "IPv6",
  V6_ONLY: "IPv6 only",
  DUAL_V4_V6: "IPv4 and IPv6",
  CONTAINERREGISTRY: "Container registry",
  AWSS3: "S3",
  AZUREBLOB: "Azure Blob",
  HTTP: "HTTP",
  HTTPS: "HTTPS",
  SFTP: "SFTP",
  BLOCKSTORAGE: "Block storage",
  EMPTYDIR: "Empty directory",
  HOSTFS: "Of the host",
  NFS: "NFS",
  TMPFS: "In memory",
  OAUTH_CUSTOM: "OpenID Connect",
  OAUTH_AZURE_AD: "Microsoft Entra ID",
  OAUTH_GOOGLE: "Google",
  SYSTEM_DEFINED: "Built in",
  USER_DEFINED: "Of this tenant",
  INUSE: "In use",
  INPROGRESS: "In progress",
};

/** For what was not told. */
export const NOTHING = "–";

/** `RUN_STATE_MAINTENANCE_MODE` as `Maintenance mode`. */
export function worded(word: string | undefined): string {
  const bare = (word ?? "").replace(PREFIXES, "");
  const said = SAID[bare];
  if (said) return said;
  const plain = bare.replace(/_/g, " ").toLowerCase();
  if (!plain || plain === "unspecified") return NOTHING;
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

const INSIDE = new RegExp(`\\b${PREFIXES.source.slice(1)}[A-Z0-9_]+\\b`, "g");

const MOMENT = /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g;
const CHANGE = /: state ([A-Z_]+)(?: \(was ([A-Z_]+)\))?$/;

/** A sentence of the controller, with the words of the contract in it as people read them. */
export const inWords = (text: string | undefined): string =>
  (text ?? "")
    .replace(INSIDE, (word) => worded(word).toLowerCase())
    .replace(MOMENT, (said) => {
      const moment = momentOf(said);
      return moment ? exactly(moment) : said;
    })
    .replace(CHANGE, (_all, now: string, before: string | undefined) => {
      const was = before ? ` (was ${worded(before).toLowerCase()})` : "";
      return `: ${worded(now).toLowerCase()}${was}`;
    });

/** Kinds of objects as the controller calls them: its tables. */
const KINDS: Readonly<Record<string, string>> = {
  enterprises: "tenant",
  sysmodels: "model",
  devices: "node",
  netinsts: "network instance",
  volume_instances: "volume",
};

/** `alert_rules` as `alert rule`. */
export function kindOf(table: string): string {
  return KINDS[table] ?? table.replace(/_/g, " ").replace(/s$/, "");
}

const TONES: Readonly<Record<string, Tone>> = {
  ONLINE: "good",
  PASS: "good",
  COMPLETE: "good",
  COMPLETED: "good",
  INUSE: "good",
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
  UNUSED: "off",
  ARCHIVED: "off",
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
