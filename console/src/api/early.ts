/** What `public/first.js` asked while the scripts were loaded: each answer is taken once. */

interface Early {
  readonly token: string;
  readonly answers: Map<string, Promise<Response>>;
}

declare global {
  interface Window {
    readonly eavesEarly?: Early;
  }
}

/** The answer to this question of this session, if it was asked before. */
export function early(
  asked: Early | undefined,
  path: string,
  token: string | undefined,
): Promise<Response> | undefined {
  if (asked === undefined || asked.token !== token) return undefined;
  const answer = asked.answers.get(path);
  asked.answers.delete(path);
  return answer;
}
