// Before the first paint, so that nobody who chose the dark sees a white flash.
(() => {
  const chosen = localStorage.getItem("eaves-theme");
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.classList.toggle("pf-v6-theme-dark", dark);
})();
