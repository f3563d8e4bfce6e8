/** An app of the tenant: its manifest as text, and the way to its instances. */
import { Link, useParams } from "react-router";
import { ObjectPage } from "../../ui/ObjectPage";

export function App() {
  const { id = "" } = useParams();
  return (
    <ObjectPage
      id={id}
      noun="App"
      list="/apps"
      area="accessEdgeApp"
      path="/v1/apps/id/{id}"
      more={<Link to={`/apps/${id}/deploy`}>Deploy this app</Link>}
    />
  );
}
