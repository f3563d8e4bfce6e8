/** A project: its nodes as its selectors find them, its policies as text. */
import { useParams } from "react-router";
import { ObjectPage } from "../../ui/ObjectPage";
import { Explain } from "./Explain";

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
      more={<Explain kind="project" id={id} />}
    />
  );
}
