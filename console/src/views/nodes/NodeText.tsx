/** What a node is asked to be, as text: ports and their networks, tags, settings. */
import { useRead } from "../../api/useRead";
import { Answer } from "../../ui/Answer";
import { ObjectText } from "../../ui/ObjectPage";

export function NodeText({ id }: { readonly id: string }) {
  const path = "/v1/devices/id/{id}";
  const found = useRead(path, { params: { id }, every: 3_600_000 });
  return (
    <Answer query={found} what="the node">
      {(object) => (
        <ObjectText
          id={id}
          noun="Node"
          list="/nodes"
          area="accessDevice"
          path={path}
          object={object}
          stays
        />
      )}
    </Answer>
  );
}
