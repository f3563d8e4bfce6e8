/** What a change of a policy would do, node by node, asked before it is made. */
import { Content, List, ListItem } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import type { Planned } from "../api/own";
import { useSession } from "../session/Session";
import { Answer } from "./Answer";
import { summaryOf } from "./planned";

const SHOWN = 10;

interface Props {
  readonly kind: "project" | "deployment";
  readonly object: unknown;
  readonly gone?: boolean;
}

export function Plan({ kind, object, gone = false }: Props) {
  const { api } = useSession();
  const told = useQuery({
    queryKey: ["/v1/eaves/plan", kind, gone, JSON.stringify(object)],
    queryFn: () => api.postOwn<Planned>("/v1/eaves/plan", { body: { kind, object, delete: gone } }),
    staleTime: 0,
    refetchInterval: false,
  });
  return (
    <Answer query={told} what="what this would do">
      {(plan) => (
        <>
          <Content component="p">{summaryOf(plan)}</Content>
          <List>
            {plan.refused.map((one) => (
              <ListItem key={one.details}>Refused: {one.details}</ListItem>
            ))}
            {plan.list.slice(0, SHOWN).map((node) => (
              <ListItem key={node.id}>
                <bdi>{node.name}</bdi>: {summaryOf(countsOf(node))}
                {node.refused.map((one) => (
                  <div key={one.object}>
                    {one.object}: {one.reasons.join("; ")}
                  </div>
                ))}
              </ListItem>
            ))}
            {plan.list.length > SHOWN && (
              <ListItem>and {plan.list.length - SHOWN + plan.more} more nodes</ListItem>
            )}
          </List>
        </>
      )}
    </Answer>
  );
}

const countsOf = (node: Planned["list"][number]) => ({
  created: node.created.length,
  changed: node.changed.length,
  restarted: node.restarted.length,
  purged: node.purged.length,
  deleted: node.deleted.length,
  refusedOnNodes: node.refused.length,
  tooFull: node.tooFull ? 1 : 0,
});
