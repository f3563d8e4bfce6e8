/** A project: its nodes as its selectors find them, its policies as text. */
import { Link, useParams } from "react-router";
import { useRead } from "../../api/useRead";
import { Age } from "../../ui/Age";
import { Facts } from "../../ui/Facts";
import { ObjectPage } from "../../ui/ObjectPage";
import { worded } from "../../ui/words";
import { Explain } from "./Explain";
import { policiesOf } from "./policies";

export function Project() {
  const { id = "" } = useParams();
  return (
    <ObjectPage
      id={id}
      noun="Project"
      list="/projects"
      area="accessDevice"
      path="/v1/projects/id/{id}"
      plan="project"
      more={
        <>
          <Short id={id} />
          <Explain kind="project" id={id} />
        </>
      }
    />
  );
}

/** What the text below says, in short; the same answer, asked for once. */
function Short({ id }: { readonly id: string }) {
  const { data } = useRead("/v1/projects/id/{id}", { params: { id }, every: 3_600_000 });
  if (!data) return null;
  const nodes = `/nodes?${new URLSearchParams({ projectNamePattern: data.name ?? "" })}`;
  return (
    <Facts
      facts={[
        ["Kind", worded(data.type)],
        [
          "Nodes",
          <Link key="nodes" to={nodes}>
            {(data.numdevices ?? 0).toLocaleString("en")}
          </Link>,
        ],
        ["Policies", policiesOf(data).join(", ") || "none"],
        ["Changed", <Age key="changed" at={data.revision?.updatedAt} />],
        ["By", data.revision?.updatedBy],
      ]}
    />
  );
}
