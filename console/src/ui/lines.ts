/** Points of a chart as the contract tells them, made into lines to draw. */
import { bytes } from "./bytes";

export interface Point {
  readonly timestamp?: string;
  readonly values?: readonly number[];
}

export interface Line {
  readonly label: string;
  readonly unit: string;
  readonly path: string; // for a polyline in a box of 1000 by 100
  readonly last: number;
  readonly most: number;
}

export const WIDTH = 1000;
export const HEIGHT = 100;

/** `eth0 rx [bytes/s]` as its name and its unit. */
function named(label: string) {
  const found = /^(.*) \[([^\]]+)\]$/.exec(label);
  return { name: found?.[1] ?? label, unit: found?.[2] ?? "" };
}

/** A value as people read it. */
export function measured(value: number, unit: string): string {
  if (unit === "bytes") return bytes(value);
  if (unit === "bytes/s") return `${bytes(value)}/s`;
  const number = value.toLocaleString("en", { maximumFractionDigits: 1 });
  return unit ? `${number} ${unit}` : number;
}

/** A line of one point is drawn as a dot.  `most`: what the top of the box stands for; at least 1, so that a line of zeros lies below. */
export function linesOf(points: readonly Point[], labels: readonly string[]) {
  const times = points.map((one) => Date.parse(one.timestamp ?? ""));
  const first = times[0] ?? 0;
  const span = Math.max((times.at(-1) ?? 0) - first, 1);
  const all = points.flatMap((one) => one.values ?? []);
  const most = Math.max(1, ...all);
  const lines: Line[] = labels.map((label, index) => {
    const values = points.map((one) => one.values?.[index] ?? 0);
    const { name, unit } = named(label);
    const path = (values.length === 1 ? [...values, ...values] : values)
      .map((value, n) => {
        const x = values.length === 1 ? WIDTH : (WIDTH * ((times[n] ?? first) - first)) / span;
        return `${x.toFixed(1)},${(HEIGHT - (HEIGHT * value) / most).toFixed(1)}`;
      })
      .join(" ");
    return { label: name, unit, path, last: values.at(-1) ?? 0, most: Math.max(0, ...values) };
  });
  return { lines, most };
}
