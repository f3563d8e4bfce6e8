/** One thing for all that it means of what is chosen, one call for each; what is refused is told. */

import type { Api } from "../api/client";
import { useSession } from "../session/Session";
import { Do } from "../ui/Do";
import { each } from "../ui/each";
import { named } from "../ui/named";
import { refusedOf } from "./refused";

const SHOWN = 10;

interface Props<T> {
  readonly name: string;
  /** What happens to each of them, in full sentences. */
  readonly consequence: string;
  readonly danger?: boolean;
  /** By id. */
  readonly rows: readonly (readonly [string, T])[];
  readonly nameOf: (row: T) => string;
  readonly call: (api: Api, id: string) => Promise<unknown>;
  readonly done: () => void;
}

export function BulkDo<T>({
  name,
  consequence,
  danger = false,
  rows,
  nameOf,
  call,
  done,
}: Props<T>) {
  const { api } = useSession();
  const names = rows.slice(0, SHOWN).map(([, row]) => nameOf(row));
  const work = async () => {
    const failed = await each(rows, async ([id]) => {
      await call(api, id);
    });
    if (failed.length > 0) throw refusedOf(failed, nameOf);
  };
  return (
    <Do
      name={name}
      danger={danger}
      consequence={`${named(names, rows.length)}: ${consequence}`}
      work={work}
      done={done}
    />
  );
}
