import { useParams } from "react-router";
import { useSession } from "../../session/Session";
import { Do } from "../../ui/Do";
import { ObjectPage } from "../../ui/ObjectPage";
import { Problem } from "../../ui/Problem";
import { KINDS } from "./kinds";
import { TryProvider } from "./TryProvider";

export function LibraryObject() {
  const { kind: word = "", id = "" } = useParams();
  const kind = KINDS[word];
  if (!kind)
    return <Problem error={new Error("the library has no such shelf")} title="Not found" />;
  return (
    <ObjectPage
      id={id}
      noun={kind.noun}
      list={`/library/${word}`}
      area={kind.area}
      path={kind.one}
      more={moreOf(word, id)}
    />
  );
}

/** What can be done with one beside changing its text. */
function moreOf(word: string, id: string) {
  if (word === "images") return <Resolve id={id} />;
  if (word === "auth-profiles") return <TryProvider id={id} />;
  return undefined;
}

/** What the datastore has under this name becomes the content of the image. */
function Resolve({ id }: { readonly id: string }) {
  const { api, may } = useSession();
  if (!may("accessStorage", "Update")) return null;
  return (
    <Do
      name="Look it up"
      consequence="The controller asks the datastore for this image, and keeps its digest and size: nodes take what has this digest, and nothing else."
      work={() => api.put("/v1/apps/images/id/{id}/uplink", { params: { id } })}
    />
  );
}
