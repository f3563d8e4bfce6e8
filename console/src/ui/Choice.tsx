/** One object of a kind, chosen by a part of its name: never a list of all of them. */
import {
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  TextInput,
} from "@patternfly/react-core";
import { useEffect, useId, useRef, useState } from "react";
import type { PathOf } from "../api/client";
import type { Listed } from "../api/types";
import { useReadOwn } from "../api/useRead";

export interface Named {
  readonly id?: string;
  readonly name?: string;
  readonly title?: string;
}

interface Props<T> {
  readonly label: string;
  readonly path: PathOf<"get">;
  readonly onChoose: (one: T | undefined) => void;
  readonly required?: boolean;
  /** Its name at the beginning. */
  readonly first?: string;
}

const SHOWN = 20;

export function Choice<T extends Named = Named>({
  label,
  path,
  onChoose,
  required = false,
  first = "",
}: Props<T>) {
  const id = useId();
  const [text, setText] = useState(first);
  const found = useReadOwn<Listed<T>>(path, {
    query: { namePattern: text, "next.pageSize": SHOWN },
  });
  const rows = found.data?.list ?? [];
  const choose = useRef(onChoose);
  choose.current = onChoose;
  const chosen = rows.find((one) => one.name === text);
  const input = useRef<HTMLInputElement>(null);
  const open = text !== "" && text !== first && !chosen;
  const none = text === "" && found.isSuccess && rows.length === 0;
  // a form with a name that stands for nothing, or for nothing yet, is not sent
  useEffect(() => input.current?.setCustomValidity(open ? "Choose one that there is" : ""), [open]);
  // who types is quicker than the controller: what fits may come after the last letter
  // biome-ignore lint/correctness/useExhaustiveDependencies: the same object comes anew with each reading
  useEffect(() => choose.current(chosen), [chosen?.id]);
  return (
    <FormGroup label={label} fieldId={id} isRequired={required}>
      <TextInput
        id={id}
        ref={input}
        list={`${id}-names`}
        value={text}
        onChange={(_event, value) => setText(value)}
        autoComplete="off"
        isRequired={required}
      />
      <datalist id={`${id}-names`}>
        {rows.map((one) => (
          <option key={one.id} value={one.name}>
            {one.title}
          </option>
        ))}
      </datalist>
      {none && (
        <FormHelperText>
          <HelperText>
            <HelperTextItem>There is none yet: make one first.</HelperTextItem>
          </HelperText>
        </FormHelperText>
      )}
      {open && found.isSuccess && (
        <FormHelperText>
          <HelperText>
            <HelperTextItem variant="warning">
              {rows.length === 0
                ? "Nothing has this in its name."
                : "Choose one of those that fit."}
            </HelperTextItem>
          </HelperText>
        </FormHelperText>
      )}
    </FormGroup>
  );
}
