/** What went wrong: every reason, and the request by which an administrator finds it in the log. */
import { Alert, Content, List, ListItem } from "@patternfly/react-core";
import { Refused } from "../api/call";

interface Props {
  readonly error: unknown;
  readonly title?: string;
}

export function Problem({ error, title }: Props) {
  const refused = error instanceof Refused ? error : undefined;
  const reasons = refused?.reasons.map((one) => one.details) ?? [messageOf(error)];
  const heading = title ?? (refused?.status === 0 ? "No answer" : "This did not work");
  return (
    <Alert isInline variant="danger" title={heading} role="alert">
      {reasons.length === 1 ? (
        <Content component="p">{reasons[0]}</Content>
      ) : (
        <List>
          {reasons.map((text) => (
            <ListItem key={text}>{text}</ListItem>
          ))}
        </List>
      )}
      {refused?.requestId && <Content component="small">Request {refused.requestId}</Content>}
    </Alert>
  );
}

export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
