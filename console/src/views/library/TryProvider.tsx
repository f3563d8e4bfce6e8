/** A provider of identities tried before anybody is sent there: what works, what fails, what next. */
import { Alert, Button, Content, List, ListItem } from "@patternfly/react-core";
import { useMutation } from "@tanstack/react-query";
import type { ProviderTried } from "../../api/own";
import { useSession } from "../../session/Session";
import { Problem } from "../../ui/Problem";

const CHECKS = {
  DISCOVERY: "What it tells of itself",
  KEYS: "Its keys",
  CLIENT: "Client and secret",
} as const;
const OUTCOMES = {
  PASSED: "good",
  FAILED: "fails",
  UNCLEAR: "not told",
  NOT_TRIED: "not tried",
} as const;

export function TryProvider({ id }: { readonly id: string }) {
  const { api, may } = useSession();
  const trying = useMutation({
    mutationFn: () =>
      api.postOwn<ProviderTried>("/v1/ext/authorization/profiles/id/{id}/test", { params: { id } }),
  });
  if (!may("accessUser", "Update")) return null;
  return (
    <>
      <Button variant="secondary" isLoading={trying.isPending} onClick={() => trying.mutate()}>
        Try it
      </Button>
      {trying.isError && <Problem error={trying.error} />}
      {trying.data && <Tried told={trying.data} />}
    </>
  );
}

function Tried({ told }: { readonly told: ProviderTried }) {
  return (
    <Alert
      isInline
      aria-live="polite"
      variant={told.works ? "success" : "danger"}
      title={told.works ? "The provider answers as it should" : "Nobody could sign in there"}
    >
      <List>
        {told.checks.map((one) => (
          <ListItem key={one.check}>
            {CHECKS[one.check]}: {OUTCOMES[one.outcome]}. <bdi>{one.text}</bdi>
          </ListItem>
        ))}
      </List>
      <Content component="p">
        The provider has to send people back to <bdi>{told.redirectUri}</bdi>; only a sign-in shows
        that it does.
      </Content>
    </Alert>
  );
}
