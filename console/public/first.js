// Before the first paint, and while the scripts are on their way: the colours, so that nobody who
// chose the dark sees a white flash; and the first questions, which the scripts would ask only when
// they run.  `src/api/early.ts` takes the answers; `early.test.ts` holds both to the same words.
(() => {
  const chosen = localStorage.getItem("eaves-theme");
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.classList.toggle("pf-v6-theme-dark", dark);

  const held = kept();
  if (!held || !(held.expires > Date.now())) return;
  const paths = ["/v1/users/self", "/v1/roles/self", "/v1/enterprises/self"];
  if (location.pathname === "/") paths.unshift("/v1/ext/attention?next.pageSize=50");
  const headers = { Accept: "application/json", Authorization: `Bearer ${held.token}` };
  const answers = new Map();
  for (const path of paths) {
    const answer = fetch(`/api${path}`, { headers, cache: "no-store" });
    answer.catch(() => undefined); // whoever takes it is told
    answers.set(path, answer);
  }
  window.eavesEarly = { token: held.token, answers };

  function kept() {
    try {
      return JSON.parse(sessionStorage.getItem("eaves-session"));
    } catch {
      return null;
    }
  }
})();
