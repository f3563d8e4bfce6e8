/** One metric over time: lines for the eye, last and highest value as text for everybody. */
import { Card, CardBody, CardTitle, List, ListItem } from "@patternfly/react-core";
import type { PathOf } from "../api/client";
import { useReadOwn } from "../api/useRead";
import { Age } from "./Age";
import { Answer } from "./Answer";
import { HEIGHT, linesOf, measured, type Point, WIDTH } from "./lines";

interface Told {
  readonly list?: readonly Point[];
  readonly yLabels?: readonly string[];
}

interface Props {
  readonly title: string;
  readonly path: PathOf<"get">;
  readonly id: string;
  readonly metric: string;
}

const COLOURS = ["#4394e5", "#ca6c0f", "#63993d", "#876fd4"]; // seen on light and on dark
const EVERY_MS = 60_000;

export function Chart({ title, path, id, metric }: Props) {
  const params = { objid: id, mType: `METRIC_TYPE_${metric}` };
  const told = useReadOwn<Told>(path, { params, every: EVERY_MS });
  return (
    <Card isCompact>
      <CardTitle component="h2">{title}, the last day</CardTitle>
      <CardBody>
        <Answer query={told} what={title}>
          {({ list = [], yLabels = [] }) =>
            list.length === 0 ? <>No figures yet</> : <Drawn points={list} labels={yLabels} />
          }
        </Answer>
      </CardBody>
    </Card>
  );
}

function Drawn({
  points,
  labels,
}: {
  readonly points: readonly Point[];
  readonly labels: readonly string[];
}) {
  const { lines, most } = linesOf(points, labels);
  return (
    <>
      <div className="eaves-scale" aria-hidden="true">
        <span>{measured(most, lines[0]?.unit ?? "")}</span>
        <svg
          className="eaves-chart"
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          aria-hidden="true"
        >
          <path d={`M0 0H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}`} />
          {lines.map((one, index) => (
            <polyline key={one.label} points={one.path} stroke={COLOURS[index % COLOURS.length]} />
          ))}
        </svg>
        <span>0</span>
      </div>
      <p className="eaves-span">
        <Age at={points[0]?.timestamp} />
        {points.length > 1 && <Age at={points.at(-1)?.timestamp} />}
      </p>
      <List isPlain>
        {lines.map((one, index) => (
          <ListItem key={one.label}>
            <span
              className="eaves-key"
              style={{ background: COLOURS[index % COLOURS.length] }}
              aria-hidden="true"
            />
            {one.label} {measured(one.last, one.unit)}, at most {measured(one.most, one.unit)}
          </ListItem>
        ))}
      </List>
    </>
  );
}
