/** Moments as people say them: how long ago, and when exactly to who asks. */

const STEPS: readonly (readonly [number, Intl.RelativeTimeFormatUnit])[] = [
  [60, "second"],
  [60, "minute"],
  [24, "hour"],
  [30, "day"],
  [12, "month"],
  [Number.POSITIVE_INFINITY, "year"],
];
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const EXACT = new Intl.DateTimeFormat("en", {
  dateStyle: "medium",
  timeStyle: "medium",
  timeZone: "UTC",
  hour12: false,
});
const NEVER = "0001-01-01T00:00:00Z"; // how the contract writes that there was none

export function momentOf(text: string | undefined): Date | undefined {
  if (!text || text === NEVER) return undefined;
  const moment = new Date(text);
  return Number.isNaN(moment.getTime()) ? undefined : moment;
}

/** `Nov 22, 2026, 10:04:05 UTC`. */
export const exactly = (moment: Date): string => `${EXACT.format(moment)} UTC`;

/** `3 minutes ago`; both in milliseconds since 1970. */
export function ago(then: number, now: number): string {
  let left = (then - now) / 1000;
  for (const [most, unit] of STEPS) {
    if (Math.abs(left) < most) {
      return RELATIVE.format(Math.round(left), unit);
    }
    left /= most;
  }
  return "";
}
