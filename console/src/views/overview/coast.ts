/** The land of the world as a flat map can draw it: every ring closed, whole and in one world. */
import type { Feature, FeatureCollection, Geometry, MultiPolygon, Position } from "geojson";

type Ring = readonly Position[];

const EDGE = 180;
const WORLD = 360;
const POLE = 90;

/**
 * A ring over the date line goes on beyond 180 degrees, instead of back across all of the world.
 * One that goes round the world, as that of Antarctica does, is closed over its pole.
 */
export function unbroken(ring: Ring): Position[] {
  let turns = 0;
  let before = longitudeOf(ring[0]);
  const whole = ring.map((point): Position => {
    const longitude = longitudeOf(point);
    if (longitude - before > EDGE) turns -= WORLD;
    if (longitude - before < -EDGE) turns += WORLD;
    before = longitude;
    return [longitude + turns, latitudeOf(point)];
  });
  const [first, last] = [whole[0], whole.at(-1)];
  if (!first || !last || longitudeOf(first) === longitudeOf(last)) return whole;
  const pole = latitudeOf(first) < 0 ? -POLE : POLE;
  return [...whole, [longitudeOf(last), pole], [longitudeOf(first), pole], first];
}

/** The rings of a polygon as those of one or more, none of which leaves -180 to 180 degrees. */
export function inOneWorld(rings: readonly Ring[]): Position[][][] {
  const [outer = [], ...inner] = rings.map(unbroken);
  const least = Math.min(...outer.map(longitudeOf));
  const most = Math.max(...outer.map(longitudeOf));
  const whole = [outer, ...inner.map((hole) => broughtInto(hole, least))];
  const found: Position[][][] = [];
  for (let start = -EDGE; start > least - WORLD; start -= WORLD) found.push(...cut(whole, start));
  for (let start = EDGE; start < most; start += WORLD) found.push(...cut(whole, start));
  return found;
}

/** A hole in the world of its polygon, whose west is told: where it is not, it joins far coasts. */
function broughtInto(hole: Ring, west: number): Position[] {
  const least = Math.min(...hole.map(longitudeOf));
  const moved = Math.ceil((west - least) / WORLD) * WORLD;
  return hole.map((one) => [longitudeOf(one) + moved, latitudeOf(one)]);
}

/** What lies in the world that begins at this longitude, brought to ours; none: nothing does. */
function cut(rings: readonly Ring[], start: number): Position[][][] {
  const inside = rings
    .map((ring) => side(side(ring, start, 1), start + WORLD, -1))
    .map((ring) => ring.map((one) => [longitudeOf(one) - start - EDGE, latitudeOf(one)]));
  const [outer, ...holes] = inside;
  if (!outer || outer.length < 4) return [];
  return [[outer, ...holes.filter((one) => one.length >= 4)]];
}

/** The part of a closed ring at one side of a meridian (`way` 1: east of it), closed along it. */
function side(ring: Ring, meridian: number, way: 1 | -1): Position[] {
  const beyond = (one: Position) => (longitudeOf(one) - meridian) * way;
  if (ring.every((one) => beyond(one) >= 0)) return [...ring];
  const kept: Position[] = [];
  ring.slice(1).forEach((to, index) => {
    const from = ring[index] ?? to;
    const [here, there] = [beyond(from), beyond(to)];
    if (here * there < 0) {
      const part = here / (here - there);
      kept.push([meridian, latitudeOf(from) + part * (latitudeOf(to) - latitudeOf(from))]);
    }
    if (there >= 0) kept.push(to);
  });
  const [first] = kept;
  // what touches the meridian and does not pass it has no area there
  if (!first || kept.every((one) => beyond(one) === 0)) return [];
  return [...kept, first];
}

const longitudeOf = (point: Position | undefined): number => point?.[0] ?? 0;
const latitudeOf = (point: Position | undefined): number => point?.[1] ?? 0;

export function drawable(told: FeatureCollection): FeatureCollection<MultiPolygon> {
  const features = told.features.map(({ geometry }): Feature<MultiPolygon> => {
    const coordinates = polygonsOf(geometry).flatMap(inOneWorld);
    return { type: "Feature", properties: {}, geometry: { type: "MultiPolygon", coordinates } };
  });
  return { type: "FeatureCollection", features };
}

function polygonsOf(geometry: Geometry): Position[][][] {
  if (geometry.type === "Polygon") return [geometry.coordinates];
  return geometry.type === "MultiPolygon" ? geometry.coordinates : [];
}
