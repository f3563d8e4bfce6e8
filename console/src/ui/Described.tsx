/** Text with commands in it, each between backticks. */
import { Fragment } from "react";

export function Described({ text }: { readonly text: string }) {
  const parts = text.split("`").map((part, n) => ({ part, n, command: n % 2 === 1 }));
  return (
    <>
      {parts.map(({ part, n, command }) =>
        command ? <code key={n}>{part}</code> : <Fragment key={n}>{part}</Fragment>,
      )}
    </>
  );
}
