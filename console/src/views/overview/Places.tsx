/** Where the nodes are: as a list by place, and beside it as a map where one can be drawn. */
import { Card, CardBody, CardTitle, List, ListItem } from "@patternfly/react-core";
import { lazy, Suspense, useEffect, useMemo, useState } from "react";
import { useRead } from "../../api/useRead";
import { Answer } from "../../ui/Answer";
import { pointsOf } from "./points";

const WorldMap = lazy(async () => ({ default: (await import("./WorldMap")).WorldMap }));
const SHOWN = 20;
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
          {({ deviceLocations = [] }) => {
            const places = [...deviceLocations].sort((a, b) => (b.count ?? 0) - (a.count ?? 0));
            if (places.length === 0) return <>No node tells where it is.</>;
            return (
              <List isPlain>
                {places.slice(0, SHOWN).map((one) => (
                  <ListItem key={one.location}>
                    <bdi>{one.location || "somewhere"}</bdi>:{" "}
                    {(one.count ?? 0).toLocaleString("en")}
                  </ListItem>
                ))}
                {places.length > SHOWN && (
                  <ListItem>and {places.length - SHOWN} more places</ListItem>
                )}
              </List>
            );
          }}
        </Answer>
      </CardBody>
    </Card>
  );
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
