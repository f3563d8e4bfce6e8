/** The chain of the audit log, checked from its beginning to its end, some thousands at a time. */

export interface Checked {
  readonly intact: boolean;
  readonly checked: number;
  /** Where to go on; 0 at the end. */
  readonly next: number;
  readonly last?: number;
  readonly digest?: string;
  readonly fault?: { readonly number: number; readonly why: string };
}

export interface Verdict {
  readonly intact: boolean;
  readonly checked: number;
  readonly fault: string;
}

/** `ask`: from which entry, and the number and digest of one that was seen before. */
export async function whole(
  ask: (from: number, anchor: string) => Promise<Checked>,
): Promise<Verdict> {
  let from = 0;
  let anchor = "";
  let checked = 0;
  for (;;) {
    const part = await ask(from, anchor);
    checked += part.checked;
    if (!part.intact) {
      return {
        intact: false,
        checked,
        fault: part.fault ? `entry ${part.fault.number}: ${part.fault.why}` : "",
      };
    }
    if (part.next === 0 || part.next <= from) return { intact: true, checked, fault: "" };
    from = part.next;
    anchor = part.digest ? `${part.last}:${part.digest}` : "";
  }
}
