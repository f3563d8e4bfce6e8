/** Dark or light: as the machine says, until somebody chooses; `public/first.js` sets the first. */

const KEY = "eaves-theme";
const CLASS = "pf-v6-theme-dark";

export const isDark = (): boolean => document.documentElement.classList.contains(CLASS);

export function setDark(dark: boolean): void {
  document.documentElement.classList.toggle(CLASS, dark);
  localStorage.setItem(KEY, dark ? "dark" : "light");
}
