/** Pause, resume, abort or undo of many roll-outs: of those that it means something to. */
import type { Rollout } from "../../api/own";
import { BulkDo } from "../../list/BulkDo";
import type { Chosen } from "../../list/selection";
import { mayMany } from "../../rights/operations";
import { useSession } from "../../session/Session";
import { movesOfSome } from "./moves";

interface Props {
  readonly chosen: Chosen<Rollout>;
  readonly done: () => void;
}

export function BulkMoves({ chosen, done }: Props) {
  const { may } = useSession();
  const rows = [...chosen.values()].filter((one) => mayMany(may, one.spec.operationType));
  return movesOfSome(rows).map(({ move, meant }) => (
    <BulkDo
      key={move.name}
      name={move.name}
      danger={move.danger}
      consequence={move.consequence}
      rows={meant.map((one) => [one.id, one] as const)}
      nameOf={(one) => one.name}
      call={(api, id) => api.put(move.path, { params: { id } })}
      done={done}
    />
  ));
}
