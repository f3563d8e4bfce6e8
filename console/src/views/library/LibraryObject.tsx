import { useParams } from "react-router";
import { ObjectPage } from "../../ui/ObjectPage";
import { Problem } from "../../ui/Problem";
import { KINDS } from "./kinds";

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
    />
  );
}
