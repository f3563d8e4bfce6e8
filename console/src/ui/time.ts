/** Moments as people say them: how long ago, and when exactly to who asks. */

const STEPS: readonly (readonly [number, Intl.RelativeTimeFormatUnit])[] = [
  [60, "second"],
  [60, "minute"],
  [24, "hour"],
  [30, "day"],
  [12, "month"],
  [Number.POSITIVE_INFINITY, "year"],
];
const NEVER = "0001-01-01T00:00:00Z"; // how the contract writes that there was none

export function momentOf(text: string | undefined): Date | undefined {
  if (!text || text === NEVER) return undefined;
  const moment = new Date(text);
  return Number.isNaN(moment.getTime()) ? undefined : moment;
}

/** `3 minutes ago`; both in milliseconds since 1970. */
export function ago(then: number, now: number): string {
  let left = (then - now) / 1000;
  for (const [most, unit] of STEPS) {
    if (Math.abs(left) < most) {
      return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.round(left), unit);
    }
    left /= most;
  }
  return "";
}
