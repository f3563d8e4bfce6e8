/**
 * Cells of a table that only show: as those of PatternFly look, without what theirs can do besides
 * (menus, checks, forms), which is half of what the first view would load.
 */
import type { ReactNode } from "react";

export function Head({ children }: { readonly children: ReactNode }) {
  return (
    <th className="pf-v6-c-table__th" scope="col">
      {children}
    </th>
  );
}

interface Props {
  /** Of its column: told beside it on a phone. */
  readonly label: string;
  /** A long word is broken where the cell ends. */
  readonly broken?: boolean;
  readonly children: ReactNode;
}

export function Cell({ label, broken = false, children }: Props) {
  const className = broken ? "pf-v6-c-table__td pf-m-break-word" : "pf-v6-c-table__td";
  return (
    <td className={className} data-label={label}>
      {children}
    </td>
  );
}
