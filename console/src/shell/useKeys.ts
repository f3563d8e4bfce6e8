import { useLayoutEffect, useRef, useState } from "react";
import { type Done, pressed } from "./keys";

/**
 * Tells what a key asks for; the handler may change, the listener stays.
 *
 * What is returned: whether `g` was pressed and the next key says where to go.  It may come as late
 * as it likes, on a slow machine as well: whoever asks shows what may come, and any other key, a
 * press of the mouse or another window ends it.
 */
export function useKeys(handle: (done: Done) => void): boolean {
  const current = useRef(handle);
  current.current = handle;
  const [going, setGoing] = useState(false);
  useLayoutEffect(() => {
    // with what is shown, not after it: whoever sees the page may press a key
    let before = false;
    const wait = (on: boolean) => {
      before = on;
      setGoing(on);
    };
    const listen = (event: KeyboardEvent) => {
      const done = pressed(event, isTyping(event.target), before);
      wait(done?.kind === "wait");
      if (!done || done.kind === "wait") return;
      event.preventDefault();
      current.current(done);
    };
    const end = () => wait(false);
    window.addEventListener("keydown", listen);
    window.addEventListener("pointerdown", end);
    window.addEventListener("blur", end);
    return () => {
      window.removeEventListener("keydown", listen);
      window.removeEventListener("pointerdown", end);
      window.removeEventListener("blur", end);
    };
  }, []);
  return going;
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}
