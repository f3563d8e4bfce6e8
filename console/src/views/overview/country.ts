/** Which country a position is in, by coasts and borders as coarse as the map draws them. */
import type { Feature, FeatureCollection, Geometry, Position } from "geojson";
import { inOneWorld } from "./coast";

type Rings = readonly (readonly Position[])[];

export interface Country {
  readonly name: string;
  /** Each with its holes; none leaves -180 to 180 degrees. */
  readonly polygons: readonly Rings[];
}

const NEAR = 1; // degrees: so much a coarse coast may be off

export function countriesOf(
  told: FeatureCollection<Geometry, { readonly name?: string }>,
): readonly Country[] {
  return told.features.map((one) => ({
    name: one.properties.name ?? "",
    polygons: ringsOf(one).flatMap(inOneWorld),
  }));
}

function ringsOf({ geometry }: Feature): readonly Position[][][] {
  if (geometry.type === "Polygon") return [geometry.coordinates];
  return geometry.type === "MultiPolygon" ? geometry.coordinates : [];
}

/** `Germany`, `near Italy` for what lies off a coast, nothing for the open sea. */
export function countryAt(
  [longitude, latitude]: readonly [number, number],
  countries: readonly Country[],
): string | undefined {
  const inside = countries.find(({ polygons }) =>
    polygons.some((rings) => holds(rings, longitude, latitude)),
  );
  if (inside) return inside.name;
  const near = countries
    .map(({ name, polygons }) => ({ name, away: away(polygons, longitude, latitude) }))
    .reduce((best, one) => (one.away < best.away ? one : best), { name: "", away: NEAR });
  return near.name ? `near ${near.name}` : undefined;
}

/** Whether a line from there to the east crosses the rings an odd number of times. */
function holds(rings: Rings, x: number, y: number): boolean {
  let odd = false;
  for (const [[ax, ay], [bx, by]] of sides(rings)) {
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
  }
  return odd;
}

/** Degrees of a meridian to the nearest side. */
function away(polygons: readonly Rings[], x: number, y: number): number {
  const narrow = Math.cos((y * Math.PI) / 180);
  let least = Number.POSITIVE_INFINITY;
  for (const rings of polygons) {
    for (const [[ax, ay], [bx, by]] of sides(rings)) {
      const [px, py, qx, qy] = [(ax - x) * narrow, ay - y, (bx - x) * narrow, by - y];
      const [dx, dy] = [qx - px, qy - py];
      const along = dx === 0 && dy === 0 ? 0 : -(px * dx + py * dy) / (dx * dx + dy * dy);
      const at = Math.min(1, Math.max(0, along));
      least = Math.min(least, Math.hypot(px + at * dx, py + at * dy));
    }
  }
  return least;
}

type Point = readonly [number, number];

function* sides(rings: Rings): Generator<readonly [Point, Point]> {
  for (const ring of rings) {
    for (let n = 1; n < ring.length; n += 1) yield [pointOf(ring[n - 1]), pointOf(ring[n])];
  }
}

const pointOf = (position: Position | undefined): Point => [position?.[0] ?? 0, position?.[1] ?? 0];
