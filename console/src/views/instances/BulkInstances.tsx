/** The same for many instances, one call for each: told at the end which of them were refused. */
import type { PathOf } from "../../api/client";
import type { AppRow } from "../../api/types";
import { refusedOf } from "../../list/refused";
import type { Chosen } from "../../list/selection";
import type { Verb } from "../../rights/rights";
import { useSession } from "../../session/Session";
import { Do } from "../../ui/Do";
import { each } from "../../ui/each";

interface Props {
  readonly chosen: Chosen<AppRow>;
  readonly done: () => void;
}

const VERBS: readonly {
  readonly name: string;
  readonly path: PathOf<"put">;
  readonly verb: Verb;
  readonly effect: string;
  readonly danger: boolean;
}[] = [
  {
    name: "Restart",
    path: "/v1/apps/instances/id/{id}/restart",
    verb: "Execute",
    effect: "restart; their volumes stay.",
    danger: false,
  },
  {
    name: "Refresh",
    path: "/v1/apps/instances/id/{id}/refresh",
    verb: "Execute",
    effect: "come to the newest version of their app.",
    danger: false,
  },
  {
    name: "Start",
    path: "/v1/apps/instances/id/{id}/activate",
    verb: "Update",
    effect: "start, where they do not run.",
    danger: false,
  },
  {
    name: "Stop",
    path: "/v1/apps/instances/id/{id}/deactivate",
    verb: "Update",
    effect: "stop; their volumes stay.",
    danger: true,
  },
  {
    name: "Purge",
    path: "/v1/apps/instances/id/{id}/refresh/purge",
    verb: "Execute",
    effect: "start anew with new volumes: what they wrote is lost.",
    danger: true,
  },
];

export function BulkInstances({ chosen, done }: Props) {
  const { api, may } = useSession();
  const run = async (path: PathOf<"put">) => {
    const failed = await each([...chosen.entries()], async ([id]) => {
      await api.put(path, { params: { id } });
    });
    if (failed.length > 0) throw refusedOf(failed, (row) => row.name ?? "");
  };
  return VERBS.filter((one) => may("accessAppInstance", one.verb)).map((one) => (
    <Do
      key={one.name}
      name={one.name}
      danger={one.danger}
      consequence={`${chosen.size} app instances ${one.effect}`}
      work={() => run(one.path)}
      done={done}
    />
  ));
}
