/** Events of one object, newest first, a page more at a time. */
import { List, ListItem } from "@patternfly/react-core";
import type { PathOf } from "../api/client";
import type { EventRow } from "../api/types";
import { useMore } from "../api/useMore";
import { Age } from "./Age";
import { More } from "./More";
import { Problem } from "./Problem";
import { State } from "./State";
import { Waiting } from "./Waiting";
import { inWords } from "./words";

const PAGE = 50;

export function Timeline({ path, id }: { readonly path: PathOf<"get">; readonly id: string }) {
  const { told, rows } = useMore<EventRow>(path, {
    params: { objid: id },
    query: { "next.pageSize": PAGE },
  });
  if (told.isPending) return <Waiting what="events" />;
  return (
    <>
      {told.isError && <Problem error={told.error} />}
      <List isPlain isBordered aria-label="Events" className="eaves-timeline">
        {rows.map((one) => (
          <ListItem key={one.id ?? `${one.timestamp}${one.description}`}>
            <State word={one.severity} />
            <span>
              <Age at={one.timestamp} />
            </span>
            <bdi>{inWords(one.description)}</bdi>
          </ListItem>
        ))}
      </List>
      {rows.length === 0 && <p>Nothing happened yet.</p>}
      <More told={told} name="Older events" />
    </>
  );
}
