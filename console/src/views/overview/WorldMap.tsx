/** The map: the coast lines of the world are part of the console, and nothing else is asked for. */
import "maplibre-gl/dist/maplibre-gl.css";
import type { FeatureCollection, Point } from "geojson";
import { Map as Drawn, type GeoJSONSource, NavigationControl, setWorkerUrl } from "maplibre-gl";
import worker from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import { useEffect, useRef } from "react";
import { feature } from "topojson-client";
import { drawable } from "./coast";
import { WORLD as ATLAS } from "./countries";
import type { About } from "./points";

setWorkerUrl(new URL(worker, location.href).href);

const COLOURS = ["#63993d", "#dca614", "#c9190b"] as const;
const byWorst = ["match", ["get", "worst"], 2, COLOURS[2], 1, COLOURS[1], COLOURS[0]] as const;

/** All of it but the poles: no place is beyond the edge of the card. */
const WORLD: [[number, number], [number, number]] = [
  [-179, -52],
  [179, 76],
];

type Points = FeatureCollection<Point, About>;

/** The land alone, without its borders. */
const land = () => drawable(feature(ATLAS, ATLAS.objects.land));

export function WorldMap({ points }: { readonly points: Points }) {
  const place = useRef<HTMLDivElement>(null);
  const map = useRef<Drawn>(undefined);
  const latest = useRef(points);
  latest.current = points;
  useEffect(() => {
    if (!place.current) return undefined;
    const drawn = begun(place.current);
    map.current = drawn;
    drawn.on("load", () => {
      drawn.getSource<GeoJSONSource>("nodes")?.setData(latest.current);
    });
    const host = place.current;
    drawn.on("idle", () => {
      host.dataset.drawn = "true"; // coasts and places stand there: so much for who takes a picture
    });
    return () => {
      map.current = undefined;
      drawn.remove();
    };
  }, []);
  useEffect(() => {
    map.current?.getSource<GeoJSONSource>("nodes")?.setData(points);
  }, [points]);
  // the list of places beside it says the same to who does not see it
  return <div ref={place} className="eaves-map" aria-hidden="true" inert />;
}

function begun(container: HTMLElement): Drawn {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string, otherwise: string) =>
    style.getPropertyValue(name).trim() || otherwise;
  const drawn = new Drawn({
    container,
    bounds: WORLD,
    minZoom: -1,
    maxZoom: 9,
    attributionControl: false,
    renderWorldCopies: false,
    style: {
      version: 8,
      sources: {
        world: { type: "geojson", data: land() },
        nodes: {
          type: "geojson",
          data: { type: "FeatureCollection", features: [] },
          cluster: true,
          clusterRadius: 30,
          clusterProperties: {
            count: ["+", ["get", "count"]],
            worst: ["max", ["get", "worst"]],
          },
        },
      },
      layers: [
        {
          id: "sea",
          type: "background",
          paint: {
            "background-color": colour(
              "--pf-t--global--background--color--secondary--default",
              "#f2f2f2",
            ),
          },
        },
        {
          id: "land",
          type: "fill",
          source: "world",
          paint: { "fill-color": colour("--pf-t--global--border--color--default", "#c7c7c7") },
        },
        {
          id: "nodes",
          type: "circle",
          source: "nodes",
          paint: {
            "circle-color": [...byWorst] as never,
            "circle-radius": ["interpolate", ["linear"], ["sqrt", ["get", "count"]], 1, 5, 100, 22],
            "circle-stroke-width": 1.5,
            "circle-stroke-color": "#ffffff",
          },
        },
      ],
    },
  });
  drawn.addControl(new NavigationControl({ showCompass: false }));
  return drawn;
}
