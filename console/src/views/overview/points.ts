/** Places as points of a map: those that are told as latitude and longitude. */
import type { Feature, FeatureCollection, Point } from "geojson";

export interface Place {
  readonly location?: string;
  readonly count?: number;
  /** What one of its nodes calls it, where its location is a position only. */
  readonly name?: string;
}

/** As a list says it: what it is called, or which country it is in, and where that is. */
export function titleOf(place: Place, country: string | undefined): string {
  const { location, name = country } = place;
  return name ? `${name} (${called(location)})` : called(location);
}

/** How bad the worst node of a place is; the colours of the map follow it. */
export const WORST = { fine: 0, unsure: 1, bad: 2 } as const;

const PAIR = /^\s*(-?\d{1,3}(?:\.\d+)?)\s*[,; ]\s*(-?\d{1,3}(?:\.\d+)?)\s*$/;

/** `52.5, 13.4` as longitude and latitude; undefined for what is no such pair. */
export function positionOf(location: string | undefined): [number, number] | undefined {
  const found = PAIR.exec(location ?? "");
  if (!found) return undefined;
  const [latitude, longitude] = [Number(found[1]), Number(found[2])];
  if (Math.abs(latitude) > 90 || Math.abs(longitude) > 180) return undefined;
  return [longitude, latitude];
}

/** `52.5,-13.4` as `52.5° N, 13.4° W`; any other place is called what people call it. */
export function called(location: string | undefined): string {
  const position = positionOf(location);
  if (!position) return location || "somewhere";
  const [longitude, latitude] = position;
  const side = (value: number, sides: readonly [string, string]) =>
    `${Math.abs(value)}° ${sides[value < 0 ? 1 : 0]}`;
  return `${side(latitude, ["N", "S"])}, ${side(longitude, ["E", "W"])}`;
}

export interface About {
  readonly name: string;
  readonly count: number;
  readonly worst: number;
}

/** `bad` and `unsure`: the places of nodes in such a state. */
export function pointsOf(
  places: readonly Place[],
  bad: readonly Place[],
  unsure: readonly Place[],
): FeatureCollection<Point, About> {
  const badAt = new Set(bad.map((one) => one.location));
  const unsureAt = new Set(unsure.map((one) => one.location));
  const features = places.flatMap((one): Feature<Point, About>[] => {
    const coordinates = positionOf(one.location);
    if (!coordinates) return [];
    const worst = badAt.has(one.location)
      ? WORST.bad
      : unsureAt.has(one.location)
        ? WORST.unsure
        : WORST.fine;
    const properties = { name: one.location ?? "", count: one.count ?? 0, worst };
    return [{ type: "Feature", geometry: { type: "Point", coordinates }, properties }];
  });
  return { type: "FeatureCollection", features };
}
