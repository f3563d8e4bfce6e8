import { Timestamp, TimestampTooltipVariant } from "@patternfly/react-core";
import { useEffect, useState } from "react";
import { ago, momentOf } from "./time";

const TURN_MS = 15_000;

/** How long ago something was; the exact time for who points at it. */
export function Age({
  at,
  never = "never",
}: {
  readonly at: string | undefined;
  readonly never?: string;
}) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TURN_MS);
    return () => clearInterval(timer);
  }, []);
  const moment = momentOf(at);
  if (!moment) return <>{never}</>;
  return (
    <Timestamp date={moment} tooltip={{ variant: TimestampTooltipVariant.default }}>
      {ago(moment.getTime(), Math.max(now, moment.getTime()))}
    </Timestamp>
  );
}
