/** Why something is not as asked for: the chain of causes down to the fact that it ends in. */
import { Alert, List, ListItem } from "@patternfly/react-core";
import type { Cause, Why } from "../api/own";
import { useReadOwn } from "../api/useRead";
import { Age } from "./Age";
import { Answer } from "./Answer";

interface Props {
  readonly kind: "device" | "instance" | "netinst" | "volume";
  readonly id: string;
}

export function WhyTree({ kind, id }: Props) {
  const why = useReadOwn<Why>("/v1/eaves/why/{kind}/{id}", { params: { kind, id } });
  return (
    <Answer query={why} what="why">
      {(told) => (
        <Alert
          isInline
          component="h2"
          variant={told.met ? "success" : "warning"}
          title={told.met ? "All is as it was asked for" : told.subject}
        >
          <Chain causes={told.met ? told.evidence : told.chain} />
        </Alert>
      )}
    </Answer>
  );
}

function Chain({ causes }: { readonly causes: readonly Cause[] }) {
  const [first, ...rest] = causes;
  if (!first) return null;
  return (
    <List>
      <ListItem>
        {first.what}
        {first.then && <>; {first.then}</>}
        {first.since && (
          <>
            {" "}
            (<Age at={first.since} />)
          </>
        )}
        {rest.length > 0 && <Chain causes={rest} />}
      </ListItem>
    </List>
  );
}
