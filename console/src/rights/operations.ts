/** What many objects at once ask of who begins, stops or undoes it, as the controller decides it. */
import operations from "./operations.json";
import type { Area, Verb } from "./rights";

const NEEDS = operations as unknown as Readonly<Record<string, readonly [Area, Verb]>>;

/** `operation`: the word of a job or a roll-out for what it does; of one that is not known, nothing. */
export function mayMany(may: (area: Area, verb: Verb) => boolean, operation: unknown): boolean {
  const need = NEEDS[String(operation)];
  return need !== undefined && may(...need);
}
