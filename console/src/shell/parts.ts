/** What is opened by hand: loaded once the first view is there, so that it opens at once. */
import type { Load } from "./ahead";

export const loadPalette = async () => (await import("./Palette")).Palette;
export const loadHelp = async () => (await import("./Help")).Help;
export const loadWho = async () => (await import("./Who")).Who;

export const PARTS: readonly Load[] = [loadPalette, loadHelp];
