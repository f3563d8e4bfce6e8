/** The countries of the world, from the file that the map draws its coasts of. */
import { feature } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import world from "world-atlas/countries-110m.json";
import { countriesOf, countryAt } from "./country";
import { positionOf } from "./points";

type World = Topology<{
  countries: GeometryCollection<{ readonly name?: string }>;
  land: GeometryCollection;
}>;

/** A file of JSON has no types of its own. */
export const WORLD = world as unknown as World;

export const COUNTRIES = countriesOf(feature(WORLD, WORLD.objects.countries));

/** Of a place that is told as latitude and longitude. */
export function countryOf(location: string | undefined): string | undefined {
  const position = positionOf(location);
  return position && countryAt(position, COUNTRIES);
}
