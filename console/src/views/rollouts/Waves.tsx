import type { Wave } from "../../api/own";

/** How far all waves together are: done well, failed, under way. */
export function Waves({ waves }: { readonly waves: readonly Wave[] }) {
  const sum = (member: "total" | "succeeded" | "failed" | "started") =>
    waves.reduce((all, wave) => all + wave[member], 0);
  const total = Math.max(sum("total"), 1);
  const parts = [
    ["good", sum("succeeded")],
    ["bad", sum("failed")],
    ["busy", sum("started")],
  ] as const;
  return (
    <div>
      <div className="eaves-bar" aria-hidden="true">
        {parts.map(([tone, count]) => (
          <div key={tone} className={tone} style={{ width: `${(100 * count) / total}%` }} />
        ))}
      </div>
      {sum("succeeded")} of {sum("total")} done
      {sum("started") > 0 && <>, {sum("started")} under way</>}
      {sum("failed") > 0 && <>, {sum("failed")} failed</>}
    </div>
  );
}
