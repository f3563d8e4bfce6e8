import type { FeatureCollection, Position } from "geojson";
import { feature } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import { describe, expect, it } from "vitest";
import world from "world-atlas/land-110m.json";
import { drawable, inOneWorld, unbroken } from "./coast";

const topology = world as unknown as Topology<{ land: GeometryCollection }>;
const land = drawable(feature(topology, topology.objects.land) as FeatureCollection);
const polygons = land.features.flatMap((one) => one.geometry.coordinates);

function within([x, y]: readonly [number, number], ring: readonly Position[]): boolean {
  let inside = false;
  ring.slice(1).forEach(([x2 = 0, y2 = 0], index) => {
    const [x1 = 0, y1 = 0] = ring[index] ?? [];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
  });
  return inside;
}

const isLand = (place: readonly [number, number]) =>
  polygons.some(([outer = [], ...holes]) => {
    return within(place, outer) && !holes.some((one) => within(place, one));
  });

describe("the land", () => {
  it.each([
    ["Spain", -4, 40],
    ["Kansas", -98, 38],
    ["Siberia", 100, 65],
    ["the west of Chukotka", 175, 67],
    ["the east of Chukotka", -173, 66.5],
    ["Greenland", -40, 70],
    ["Australia", 134, -25],
    ["Antarctica", 60, -80],
    ["the South Pole's surroundings", -120, -89],
  ] as const)("%s is land", (_name, longitude, latitude) => {
    expect(isLand([longitude, latitude])).toBe(true);
  });

  it.each([
    ["between the United States and Spain", -40, 40],
    ["between Labrador and Ireland", -35, 55],
    ["between Greenland and Iceland", -28, 65],
    ["the Pacific", -160, 30],
    ["the Bering Sea", -178, 58],
    ["the Arctic", 0, 85],
    ["the Southern Ocean", -140, -60],
    ["the Caspian Sea", 51, 41.5],
  ] as const)("%s is sea", (_name, longitude, latitude) => {
    expect(isLand([longitude, latitude])).toBe(false);
  });

  it("is of closed rings in one world", () => {
    for (const ring of polygons.flat()) {
      expect(ring.length).toBeGreaterThanOrEqual(4);
      expect(ring.at(-1)).toEqual(ring[0]);
      for (const [longitude = 0] of ring) expect(Math.abs(longitude)).toBeLessThanOrEqual(180);
    }
  });

  it("goes along no parallel but that of the pole", () => {
    for (const ring of polygons.flat()) {
      ring.slice(1).forEach(([to = 0, latitude = 0], index) => {
        const far = Math.abs(to - (ring[index]?.[0] ?? 0)) > 40;
        expect(far && Math.abs(latitude) < 90).toBe(false);
      });
    }
  });
});

const OVER = [
  [179, 60],
  [-179, 60],
  [-179, 62],
  [179, 62],
  [179, 60],
];

it("goes on over the date line", () => {
  expect(unbroken(OVER).map(([longitude]) => longitude)).toEqual([179, 181, 181, 179, 179]);
});

it("is cut there, each piece closed", () => {
  const pieces = inOneWorld([OVER]).map(([outer = []]) => outer);
  const spans = pieces.map((ring) => ring.map(([longitude = 0]) => longitude));
  expect(spans.map((all) => [Math.min(...all), Math.max(...all)])).toEqual([
    [179, 180],
    [-180, -179],
  ]);
  for (const ring of pieces) expect(ring.at(-1)).toEqual(ring[0]);
});
