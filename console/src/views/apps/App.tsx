/** An app of the tenant: its manifest as a form and as text, and the way to its instances. */
import { Button } from "@patternfly/react-core";
import { Link, useParams } from "react-router";
import type { Bundle } from "../../api/types";
import { ObjectPage } from "../../ui/ObjectPage";
import { ManifestFields } from "./ManifestFields";

export function App() {
  const { id = "", tab } = useParams();
  return (
    <ObjectPage<Bundle>
      id={id}
      noun="App"
      list="/apps"
      area="accessEdgeApp"
      path="/v1/apps/id/{id}"
      more={
        <Button
          variant="primary"
          component={(props) => <Link {...props} to={`/apps/${id}/deploy`} />}
        >
          Deploy this app
        </Button>
      }
      tab={tab}
      form={(bundle) => <ManifestFields id={id} bundle={bundle} />}
    />
  );
}
