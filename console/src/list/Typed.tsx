/** Text that narrows a list: asked for when the typing rests, and never in the way of the typing. */
import { SearchInput } from "@patternfly/react-core";
import { useEffect, useRef, useState } from "react";

const TYPED_MS = 250;

interface Props {
  readonly label: string;
  readonly hint?: string;
  /** As the address has it. */
  readonly value: string;
  readonly onValue: (text: string) => void;
}

export function Typed({ label, hint = label, value, onValue }: Props) {
  const [text, setText] = useState(value);
  const told = useRef(value);
  const tell = useRef(onValue);
  tell.current = onValue;
  // the address follows a moment after it was told: what comes back is not news, and more may have
  // been typed since
  useEffect(() => {
    if (value === told.current) return;
    told.current = value;
    setText(value);
  }, [value]);
  useEffect(() => {
    if (text === told.current) return undefined;
    const timer = setTimeout(() => {
      told.current = text;
      tell.current(text);
    }, TYPED_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <SearchInput
      aria-label={label}
      placeholder={hint}
      value={text}
      onChange={(_event, now) => setText(now)}
      onClear={() => setText("")}
    />
  );
}
