const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A number of bytes as people read it; units of 1024. */
export function bytes(count: number): string {
  let left = count;
  let unit = 0;
  while (left >= 1024 && unit < UNITS.length - 1) {
    left /= 1024;
    unit += 1;
  }
  return `${unit === 0 || left >= 100 ? Math.round(left) : left.toFixed(1)} ${UNITS[unit]}`;
}
