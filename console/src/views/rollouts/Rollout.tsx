import {
  ActionList,
  ActionListItem,
  Breadcrumb,
  BreadcrumbItem,
  FormSelect,
  FormSelectOption,
  Title,
} from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useState } from "react";
import { Link, useParams } from "react-router";
import type { Rollout as Told } from "../../api/own";
import { useMore } from "../../api/useMore";
import { useReadOwn } from "../../api/useRead";
import { mayMany } from "../../rights/operations";
import { useSession } from "../../session/Session";
import { Answer } from "../../ui/Answer";
import { Do } from "../../ui/Do";
import { More } from "../../ui/More";
import { State } from "../../ui/State";
import { worded } from "../../ui/words";
import { movesOf } from "./moves";
import { Waves } from "./Waves";

interface Part {
  readonly objectId: string;
  readonly objectName: string;
  readonly deviceId: string;
  readonly wave: number;
  readonly standing: string;
  readonly result: string;
}

const STANDINGS = ["WAITING", "STARTED", "SUCCEEDED", "FAILED", "UNDOING", "UNDONE", "NOT_UNDONE"];
const EVERY_MS = 3_000;
const PAGE = 200;

export function Rollout() {
  const { id = "" } = useParams();
  const told = useReadOwn<Told>("/v1/eaves/rollouts/id/{id}", { params: { id }, every: EVERY_MS });
  return (
    <Answer query={told} what="the roll-out">
      {(one) => (
        <>
          <Breadcrumb>
            <BreadcrumbItem>
              <Link to="/rollouts">Roll-outs</Link>
            </BreadcrumbItem>
            <BreadcrumbItem isActive>
              <bdi>{one.name}</bdi>
            </BreadcrumbItem>
          </Breadcrumb>
          <Title headingLevel="h1" className="eaves-long">
            <bdi>{one.name}</bdi> <State word={one.phase} />
          </Title>
          {one.reasons.map((reason) => (
            <p key={reason}>{reason}</p>
          ))}
          <Moves id={id} one={one} />
          <Table aria-label="Waves" variant="compact">
            <Thead>
              <Tr>
                <Th>Wave</Th>
                <Th>Progress</Th>
                <Th>Waiting</Th>
                <Th>Under way</Th>
                <Th>Failed</Th>
                <Th>Undone</Th>
              </Tr>
            </Thead>
            <Tbody>
              {one.waves.map((wave) => (
                <Tr key={wave.wave}>
                  <Td dataLabel="Wave">{wave.wave}</Td>
                  <Td dataLabel="Progress">
                    <Waves waves={[wave]} />
                  </Td>
                  <Td dataLabel="Waiting">{wave.waiting}</Td>
                  <Td dataLabel="Under way">{wave.started}</Td>
                  <Td dataLabel="Failed">{wave.failed}</Td>
                  <Td dataLabel="Undone">{wave.undone}</Td>
                </Tr>
              ))}
            </Tbody>
          </Table>
          <Parts id={id} />
        </>
      )}
    </Answer>
  );
}

function Moves({ id, one }: { readonly id: string; readonly one: Told }) {
  const { api, may } = useSession();
  if (!mayMany(may, one.spec.operationType)) return null;
  return (
    <ActionList>
      {movesOf(one.phase).map((move) => (
        <ActionListItem key={move.name}>
          <Do
            name={move.name}
            consequence={move.consequence}
            danger={move.danger}
            work={() => api.put(move.path, { params: { id } })}
          />
        </ActionListItem>
      ))}
    </ActionList>
  );
}

const addressOf = (one: Part) =>
  one.objectId === one.deviceId ? `/nodes/${one.deviceId}` : `/instances/${one.objectId}`;

function Parts({ id }: { readonly id: string }) {
  const [standing, setStanding] = useState("");
  const { told, rows } = useMore<Part>("/v1/eaves/rollouts/id/{id}/objects", {
    params: { id },
    query: { standing, "next.pageSize": PAGE },
    every: EVERY_MS,
  });
  return (
    <>
      <Title headingLevel="h2">Objects</Title>
      <FormSelect
        className="eaves-filter"
        aria-label="Which objects"
        value={standing}
        onChange={(_event, word) => setStanding(word)}
      >
        <FormSelectOption value="" label="Every state" />
        {STANDINGS.map((word) => (
          <FormSelectOption key={word} value={word} label={worded(word)} />
        ))}
      </FormSelect>
      <Answer query={told} what="its objects">
        {() => (
          <Table aria-label="Objects" variant="compact">
            <Thead>
              <Tr>
                <Th>Object</Th>
                <Th>Wave</Th>
                <Th>State</Th>
                <Th>Result</Th>
              </Tr>
            </Thead>
            <Tbody>
              {rows.map((one) => (
                <Tr key={one.objectId}>
                  <Td dataLabel="Object" modifier="breakWord">
                    <Link to={addressOf(one)}>
                      <bdi>{one.objectName}</bdi>
                    </Link>
                  </Td>
                  <Td dataLabel="Wave">{one.wave}</Td>
                  <Td dataLabel="State">
                    <State word={one.standing} />
                  </Td>
                  <Td dataLabel="Result" modifier="breakWord">
                    {one.result}
                  </Td>
                </Tr>
              ))}
            </Tbody>
          </Table>
        )}
      </Answer>
      <More told={told} name="More objects" />
    </>
  );
}
