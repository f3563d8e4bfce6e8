import { Timestamp, Tooltip } from "@patternfly/react-core";
import { useState } from "react";
import { useNow } from "./now";
import { ago, exactly, momentOf } from "./time";

const CLOCKS_MS = 60_000; // by so much two clocks may differ: nothing that was lies ahead

/** How long ago something was, or until it will be; the exact time for who points at it. */
export function Age({
  at,
  never = "never",
}: {
  readonly at: string | undefined;
  readonly never?: string;
}) {
  const now = useNow();
  // of a long list few are pointed at: what tells the exact time is made for those alone
  const [pointed, setPointed] = useState<HTMLElement>();
  const moment = momentOf(at);
  if (!moment) return <>{never}</>;
  const leave = () => setPointed(undefined);
  return (
    <>
      <Timestamp
        date={moment}
        className="pf-m-help-text"
        tabIndex={0}
        onPointerEnter={(event) => setPointed(event.currentTarget)}
        onPointerLeave={leave}
        onFocus={(event) => setPointed(event.currentTarget)}
        onBlur={leave}
        onKeyDown={(event) => event.key === "Escape" && leave()}
      >
        {ago(
          moment.getTime(),
          moment.getTime() - now < CLOCKS_MS ? Math.max(now, moment.getTime()) : now,
        )}
      </Timestamp>
      {pointed && (
        <Tooltip trigger="manual" isVisible triggerRef={() => pointed} content={exactly(moment)} />
      )}
    </>
  );
}
