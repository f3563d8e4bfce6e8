/** Events of one object, newest first, a page more at a time. */
import { Button, List, ListItem } from "@patternfly/react-core";
import { useInfiniteQuery } from "@tanstack/react-query";
import type { PathOf } from "../api/client";
import type { EventRow, Listed } from "../api/types";
import { useSession } from "../session/Session";
import { Age } from "./Age";
import { Problem } from "./Problem";
import { State } from "./State";
import { Waiting } from "./Waiting";
import { inWords } from "./words";

const PAGE = 50;

export function Timeline({ path, id }: { readonly path: PathOf<"get">; readonly id: string }) {
  const { api, token } = useSession();
  const events = useInfiniteQuery({
    queryKey: [path, token, id],
    queryFn: ({ pageParam, signal }) =>
      api.getOwn<Listed<EventRow>>(path, {
        params: { objid: id },
        query: { "next.pageSize": PAGE, "next.pageToken": pageParam },
        signal,
      }),
    initialPageParam: "",
    getNextPageParam: (last) => last.next?.pageToken || undefined,
  });
  if (events.isPending) return <Waiting what="events" />;
  const rows = events.data?.pages.flatMap((page) => page.list ?? []) ?? [];
  return (
    <>
      {events.isError && <Problem error={events.error} />}
      <List isPlain isBordered aria-label="Events">
        {rows.map((one) => (
          <ListItem key={one.id ?? `${one.timestamp}${one.description}`}>
            <State word={one.severity} /> <Age at={one.timestamp} />{" "}
            <bdi>{inWords(one.description)}</bdi>
          </ListItem>
        ))}
      </List>
      {rows.length === 0 && <p>Nothing happened yet.</p>}
      {events.hasNextPage && (
        <Button
          variant="link"
          isLoading={events.isFetchingNextPage}
          onClick={() => void events.fetchNextPage()}
        >
          Older events
        </Button>
      )}
    </>
  );
}
