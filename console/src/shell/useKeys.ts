import { useEffect, useRef } from "react";
import { type Done, pressed } from "./keys";

const AFTER_G_MS = 1500;

/** Tells what a key asks for; the handler may change, the listener stays. */
export function useKeys(handle: (done: Done) => void): void {
  const current = useRef(handle);
  current.current = handle;
  useEffect(() => {
    let until = 0;
    const listen = (event: KeyboardEvent) => {
      const done = pressed(event, isTyping(event.target), Date.now() < until);
      until = done?.kind === "wait" ? Date.now() + AFTER_G_MS : 0;
      if (!done || done.kind === "wait") return;
      event.preventDefault();
      current.current(done);
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, []);
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}
