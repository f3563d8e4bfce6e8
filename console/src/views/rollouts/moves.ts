/** What somebody may say to a roll-out as it stands; the controller refuses anything else. */
import type { PathOf } from "../../api/client";

export interface Move {
  readonly name: string;
  readonly path: PathOf<"put">;
  readonly consequence: string;
  readonly danger: boolean;
}

const PAUSE: Move = {
  name: "Pause",
  path: "/v1/eaves/rollouts/id/{id}/pause",
  consequence: "No further node begins; those under way go on to their end.",
  danger: false,
};
const RESUME: Move = {
  name: "Resume",
  path: "/v1/eaves/rollouts/id/{id}/resume",
  consequence: "The next nodes begin, although what held it up was not mended by itself.",
  danger: false,
};
const ABORT: Move = {
  name: "Abort",
  path: "/v1/eaves/rollouts/id/{id}/abort",
  consequence: "No further node begins, and it cannot be resumed. What was changed stays changed.",
  danger: true,
};
const UNDO: Move = {
  name: "Undo",
  path: "/v1/eaves/rollouts/id/{id}/undo",
  consequence: "Every node that was changed is given back what it had before.",
  danger: true,
};

const MOVES: Readonly<Record<string, readonly Move[]>> = {
  RUNNING: [PAUSE, ABORT, UNDO],
  PAUSED: [RESUME, ABORT, UNDO],
  ABORTED: [UNDO],
  COMPLETED: [UNDO],
  UNDO_HELD: [UNDO],
};

export const movesOf = (phase: string): readonly Move[] => MOVES[phase] ?? [];

const ALL: readonly Move[] = [PAUSE, RESUME, ABORT, UNDO];

/** What may be said to some of them, and to which: the others are left as they are. */
export function movesOfSome<T extends { readonly phase: string }>(
  chosen: readonly T[],
): readonly { readonly move: Move; readonly meant: readonly T[] }[] {
  return ALL.map((move) => ({
    move,
    meant: chosen.filter((one) => movesOf(one.phase).includes(move)),
  })).filter(({ meant }) => meant.length > 0);
}
