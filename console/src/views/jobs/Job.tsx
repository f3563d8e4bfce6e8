/** One operation on many objects, with the result for each of them. */
import {
  Breadcrumb,
  BreadcrumbItem,
  FormSelect,
  FormSelectOption,
  Title,
} from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useState } from "react";
import { Link, useParams } from "react-router";
import { useMore } from "../../api/useMore";
import { useRead } from "../../api/useRead";
import { mayMany } from "../../rights/operations";
import { useSession } from "../../session/Session";
import { Age } from "../../ui/Age";
import { Answer } from "../../ui/Answer";
import { Do } from "../../ui/Do";
import { Facts } from "../../ui/Facts";
import { More } from "../../ui/More";
import { State } from "../../ui/State";
import { worded } from "../../ui/words";
import { ENDED } from "./ended";

interface Part {
  readonly objectId: string;
  readonly objectName: string;
  readonly state: string;
  readonly result: string;
}

const EVERY_MS = 2_000;
const PAGE = 200;
const STATES = ["PENDING", "COMPLETE", "FAILED", "ABORTED"];

export function Job() {
  const { id = "" } = useParams();
  const { api, may } = useSession();
  const params = { id };
  const [state, setState] = useState("");
  const job = useRead("/v1/jobs/id/{id}", { params, every: EVERY_MS });
  const { told, rows } = useMore<Part>("/v1/eaves/jobs/id/{id}/objects", {
    params,
    query: { state, "next.pageSize": PAGE },
    every: EVERY_MS,
  });
  return (
    <Answer query={job} what="the job">
      {(one) => (
        <>
          <Breadcrumb>
            <BreadcrumbItem>
              <Link to="/jobs">Jobs</Link>
            </BreadcrumbItem>
            <BreadcrumbItem isActive>
              <bdi>{one.name}</bdi>
            </BreadcrumbItem>
          </Breadcrumb>
          <Title headingLevel="h1" className="eaves-long">
            <bdi>{one.name}</bdi> <State word={one.status} />
          </Title>
          {!ENDED.test(one.status ?? "") && mayMany(may, one.operationType) && (
            <Do
              name="Abort"
              danger
              consequence="What was not begun yet is left as it is; what was done stays done."
              work={() => api.put("/v1/eaves/jobs/id/{id}/abort", { params })}
            />
          )}
          <Facts
            facts={[
              ["What", worded(one.operationType)],
              ["Begun", <Age key="begun" at={one.startTime} />],
              ["Ended", <Age key="ended" at={one.finishTime} never="not yet" />],
              ["Error", one.errorDetailOfJob],
              ["By", one.revision?.createdBy],
            ]}
          />
          <FormSelect
            className="eaves-filter"
            aria-label="Which results"
            value={state}
            onChange={(_event, word) => setState(word)}
          >
            <FormSelectOption value="" label="Every state" />
            {STATES.map((word) => (
              <FormSelectOption key={word} value={word} label={worded(word)} />
            ))}
          </FormSelect>
          <Answer query={told} what="results">
            {() => (
              <Table aria-label="Results" variant="compact">
                <Thead>
                  <Tr>
                    <Th>Object</Th>
                    <Th>State</Th>
                    <Th>Result</Th>
                  </Tr>
                </Thead>
                <Tbody>
                  {rows.map((part) => (
                    <Tr key={part.objectId}>
                      <Td dataLabel="Object" modifier="breakWord">
                        <bdi>{part.objectName || part.objectId}</bdi>
                      </Td>
                      <Td dataLabel="State">
                        <State word={part.state} />
                      </Td>
                      <Td dataLabel="Result" modifier="breakWord">
                        {part.result}
                      </Td>
                    </Tr>
                  ))}
                </Tbody>
              </Table>
            )}
          </Answer>
          <More told={told} name="More results" />
        </>
      )}
    </Answer>
  );
}
