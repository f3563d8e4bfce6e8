/** The first of many by their names: `no app instance`, `web-1`, `web-1, web-2 and 40 more`. */
export function named(names: readonly string[], total: number): string {
  if (names.length === 0) return "no app instance";
  const more = total - names.length;
  return more > 0 ? `${names.join(", ")} and ${more.toLocaleString("en")} more` : names.join(", ");
}
