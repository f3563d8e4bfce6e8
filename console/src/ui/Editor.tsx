/** Text with colours and line numbers, loaded when it is first shown. */
import { useEffect, useRef } from "react";

interface Props {
  readonly label: string;
  readonly text: string;
  readonly readOnly?: boolean;
  readonly onText: (text: string) => void;
}

export function Editor({ label, text, readOnly = false, onText }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const told = useRef(onText);
  told.current = onText;
  useEffect(() => {
    const host = place.current;
    if (!host) return undefined;
    let gone = false;
    let close: (() => void) | undefined;
    void import("./mirror").then(({ mirror }) => {
      if (!gone)
        close = mirror(host, { label, text, readOnly, onText: (now) => told.current(now) });
    });
    return () => {
      gone = true;
      close?.();
    };
  }, [label, text, readOnly]);
  return <div className="eaves-editor" ref={place} />;
}
