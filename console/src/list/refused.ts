/** What came of one thing for many, as one refusal: each reason with the name of its row. */
import { Refused } from "../api/call";
import type { Failed } from "../ui/each";

export function refusedOf<T>(
  failed: readonly Failed<readonly [string, T]>[],
  nameOf: (row: T) => string,
): Refused {
  const reasons = failed.map(({ item: [, row], error }) => ({
    details: `${nameOf(row)}: ${error instanceof Error ? error.message : String(error)}`,
    location: "",
  }));
  return new Refused(0, reasons, "", undefined);
}
