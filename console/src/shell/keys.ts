/** What keys do, where no text is typed: `?` help, `/` the filter, Ctrl+K the palette, `g` go. */

export type Done =
  | { readonly kind: "palette" }
  | { readonly kind: "help" }
  | { readonly kind: "filter" }
  | { readonly kind: "go"; readonly key: string }
  | { readonly kind: "wait" };

export interface Pressed {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
}

/** `typing`: the keyboard is in a field; `before`: the key before was `g`. */
export function pressed(event: Pressed, typing: boolean, before: boolean): Done | undefined {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k")
    return { kind: "palette" };
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return undefined;
  if (before && /^[a-z]$/.test(event.key)) return { kind: "go", key: event.key };
  if (event.key === "?") return { kind: "help" };
  if (event.key === "/") return { kind: "filter" };
  if (event.key === "g") return { kind: "wait" };
  return undefined;
}
