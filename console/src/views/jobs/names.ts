/** A name for a job that is begun by hand: what it does, and when, as the contract allows names. */
export function jobName(what: string, at: Date): string {
  const when = at.toISOString().replace(/[:.]/g, "-");
  return `${what.replace(/[^A-Za-z0-9_.-]+/g, "-")}-${when}`;
}
