/** One's own tokens and sessions; a token for a program is shown this once. */
import { Alert, ClipboardCopy, Title } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useState } from "react";
import type { OwnToken } from "../../api/own";
import { useReadOwn } from "../../api/useRead";
import { useSession } from "../../session/Session";
import { Age } from "../../ui/Age";
import { Answer } from "../../ui/Answer";
import { Do } from "../../ui/Do";
import { SecondFactor } from "./SecondFactor";

export function Tokens() {
  const { api } = useSession();
  const [made, setMade] = useState("");
  const tokens = useReadOwn<{ readonly list: readonly OwnToken[] }>("/v1/eaves/tokens");
  const make = async () => {
    const answer = await api.postOwn<{ readonly token?: string }>("/v1/sessions/token/self");
    setMade(answer.token ?? "");
  };
  return (
    <section aria-label="Tokens and sessions">
      <Title headingLevel="h1">Tokens and sessions</Title>
      <Do
        name="New token"
        consequence="A token for a program, with all the rights that you have. It is shown once; who has it is you, until it ends or is revoked."
        work={make}
      />
      {made && (
        <Alert isInline variant="success" title="Keep it now: it is not shown again">
          <ClipboardCopy isReadOnly hoverTip="Copy" clickTip="Copied">
            {made}
          </ClipboardCopy>
        </Alert>
      )}
      <Answer query={tokens} what="tokens">
        {({ list }) => (
          <Table aria-label="Tokens" variant="compact">
            <Thead>
              <Tr>
                <Th>Kind</Th>
                <Th>From</Th>
                <Th>Made</Th>
                <Th>Ends</Th>
                <Th>Actions</Th>
              </Tr>
            </Thead>
            <Tbody>
              {list.map((one) => (
                <Tr key={one.id}>
                  <Td dataLabel="Kind">
                    {one.kind === "api" ? "Token" : "Session"} {one.current && "(this one)"}
                    {one.readSecrets && " reads secrets"}
                  </Td>
                  <Td dataLabel="From" modifier="breakWord">
                    <bdi>{one.client}</bdi>
                  </Td>
                  <Td dataLabel="Made">
                    <Age at={one.createdAt} />
                  </Td>
                  <Td dataLabel="Ends">
                    <Age at={one.expiresAt} />
                  </Td>
                  <Td dataLabel="Actions">
                    <Do
                      small
                      name="Revoke"
                      danger
                      consequence={
                        one.current
                          ? "This is the session of this page: you have to sign in again."
                          : "It opens nothing from now on, and neither does what was made with it."
                      }
                      work={() => api.remove("/v1/eaves/tokens/{id}", { params: { id: one.id } })}
                    />
                  </Td>
                </Tr>
              ))}
            </Tbody>
          </Table>
        )}
      </Answer>
      <SecondFactor />
    </section>
  );
}
