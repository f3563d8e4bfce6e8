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

/** Somebody says that the image is in its datastore: the controller looks at no datastore. */
function Resolve({ id }: { readonly id: string }) {
  const { api, may } = useSession();
  if (!may("accessStorage", "Update")) return null;
  return (
    <Do
      name="Release"
      consequence="You say that the datastore has this image: nodes may be given it from now on. They take what has the digest that stands here and nothing else; where none stands, what the datastore has under this name."
      work={() => api.put("/v1/apps/images/id/{id}/uplink", { params: { id } })}
    />
  );
}
