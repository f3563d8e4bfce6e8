/** Where the nodes are: as a list by place, and beside it as a map where one can be drawn. */
import { Button, Card, CardBody, CardTitle, List, ListItem } from "@patternfly/react-core";
import { lazy, Suspense, useEffect, useMemo, useState } from "react";
import { useRead } from "../../api/useRead";
import { Answer } from "../../ui/Answer";
import { type Place, pointsOf, positionOf, titleOf } from "./points";

const WorldMap = lazy(async () => ({ default: (await import("./WorldMap")).WorldMap }));
const SHOWN = 10; // as many as stand beside the map
const NAMED = 50; // places that are looked up on the map
const MOST = { "next.pageSize": 500 };
const PATH = "/v1/devices/status/locations";

export function Places() {
  const told = useRead(PATH, { query: MOST });
  const bad = useRead(PATH, { query: { ...MOST, runState: ["OFFLINE", "ERROR"] } });
  const unsure = useRead(PATH, { query: { ...MOST, runState: "SUSPECT" } });
  const points = useMemo(
    () =>
      pointsOf(
        told.data?.deviceLocations ?? [],
        bad.data?.deviceLocations ?? [],
        unsure.data?.deviceLocations ?? [],
      ),
    [told.data, bad.data, unsure.data],
  );
  const idle = useIdle();
  return (
    <Card isCompact className="eaves-places">
      <CardTitle component="h2">Places</CardTitle>
      <CardBody>
        {idle && points.features.length > 0 && hasWebGl() && (
          <Suspense fallback={<div className="eaves-map" />}>
            <WorldMap points={points} />
          </Suspense>
        )}
        <Answer query={told} what="places">
          {({ deviceLocations = [] }) => (
            <Named
              places={deviceLocations}
              bad={bad.data?.deviceLocations ?? []}
              unsure={unsure.data?.deviceLocations ?? []}
            />
          )}
        </Answer>
      </CardBody>
    </Card>
  );
}

interface Told {
  readonly places: readonly Place[];
  readonly bad: readonly Place[];
  readonly unsure: readonly Place[];
}

/** By name: how many nodes are there, and how many of them are not well. */
function Named({ places, bad, unsure }: Told) {
  const [all, setAll] = useState(false);
  const most = useMemo(() => [...places].sort((a, b) => (b.count ?? 0) - (a.count ?? 0)), [places]);
  const countries = useCountries(most);
  if (places.length === 0) return <>No node tells where it is.</>;
  const rows = all ? most : most.slice(0, SHOWN);
  return (
    <div>
      <List isPlain className="eaves-spread">
        {rows.map((one) => (
          <ListItem key={one.location}>
            <bdi>{titleOf(one, countries.get(one.location))}</bdi>
            <span>
              {(one.count ?? 0).toLocaleString("en")} {one.count === 1 ? "node" : "nodes"}
              {countAt(bad, one) > 0 && <>, {countAt(bad, one)} down</>}
              {countAt(unsure, one) > 0 && <>, {countAt(unsure, one)} late</>}
            </span>
          </ListItem>
        ))}
      </List>
      {rows.length < most.length && (
        <Button variant="link" onClick={() => setAll(true)}>
          Show {most.length - rows.length} more places
        </Button>
      )}
    </div>
  );
}

const countAt = (places: readonly Place[], at: Place): number =>
  places.find((one) => one.location === at.location)?.count ?? 0;

/** Of the first places, those that nobody gave a name; by their location. */
function useCountries(places: readonly Place[]): ReadonlyMap<string | undefined, string> {
  const [found, setFound] = useState<ReadonlyMap<string | undefined, string>>(new Map());
  useEffect(() => {
    const bare = places.slice(0, NAMED).filter((one) => !one.name && positionOf(one.location));
    if (bare.length === 0) return undefined;
    let gone = false;
    void import("./countries").then(({ countryOf }) => {
      if (gone) return;
      const named = bare.map(({ location }) => [location, countryOf(location) ?? ""] as const);
      setFound(new Map(named.filter(([, name]) => name)));
    });
    return () => {
      gone = true;
    };
  }, [places]);
  return found;
}

/** Whether the browser has had nothing better to do since this was shown: the map can wait. */
function useIdle(): boolean {
  const [idle, setIdle] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setIdle(true), 300);
    return () => clearTimeout(timer);
  }, []);
  return idle;
}

let webGl: boolean | undefined;

function hasWebGl(): boolean {
  webGl ??= Boolean(document.createElement("canvas").getContext("webgl2"));
  return webGl;
}
