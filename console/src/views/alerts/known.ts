/** What may be done with the alerts that are chosen: some are acknowledged already. */
import type { Chosen } from "../../list/selection";

export function byKnown<T extends { readonly acknowledged: boolean }>(chosen: Chosen<T>) {
  const rows = [...chosen.values()];
  return {
    known: rows.filter((one) => one.acknowledged),
    unknown: rows.filter((one) => !one.acknowledged),
  };
}
