/** The figures of a plan as one sentence. */
import type { PlanCounts } from "../api/own";

const WORDS = [
  ["created", "are made"],
  ["changed", "change while they run"],
  ["restarted", "restart"],
  ["purged", "start anew with new volumes"],
  ["deleted", "are deleted"],
  ["refusedOnNodes", "are refused"],
  ["tooFull", "do not fit on the disk"],
] as const;

/** With `nodes` it begins with how many there are. */
export function summaryOf(plan: PlanCounts & { readonly nodes?: number }): string {
  const parts = WORDS.flatMap(([name, text]) => (plan[name] > 0 ? [`${plan[name]} ${text}`] : []));
  const what = parts.length > 0 ? `objects: ${parts.join(", ")}` : "nothing changes";
  if (plan.nodes === undefined) return what;
  if (plan.nodes === 0) return "No node is reached by this.";
  return `On ${plan.nodes} nodes: ${what}.`;
}
