/** Deletes what is chosen, one call for each; what is refused is told with its reason, and stays. */
import type { PathOf } from "../api/client";
import type { Area } from "../rights/rights";
import { useSession } from "../session/Session";
import { Do } from "../ui/Do";
import { each } from "../ui/each";
import { named } from "../ui/named";
import { refusedOf } from "./refused";
import type { Chosen } from "./selection";

const SHOWN = 10;

interface Props<T> {
  readonly chosen: Chosen<T>;
  readonly done: () => void;
  readonly area: Area;
  readonly path: PathOf<"delete">;
  readonly nameOf: (row: T) => string;
}

export function BulkDelete<T>({ chosen, done, area, path, nameOf }: Props<T>) {
  const { api, may } = useSession();
  if (!may(area, "Delete")) return null;
  const names = [...chosen.values()].map(nameOf);
  const work = async () => {
    const failed = await each([...chosen.entries()], async ([id]) => {
      await api.remove(path, { params: { id } });
    });
    if (failed.length > 0) throw refusedOf(failed, nameOf);
  };
  return (
    <Do
      name="Delete"
      danger
      consequence={`Deleted for good: ${named(names.slice(0, SHOWN), names.length)}. What still refers to one of them is named, and has to go first.`}
      work={work}
      done={done}
    />
  );
}
