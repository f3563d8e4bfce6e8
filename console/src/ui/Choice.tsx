/** One object of a kind, chosen by a part of its name: never a list of all of them. */
import {
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  TextInput,
} from "@patternfly/react-core";
import { useId, useState } from "react";
import type { PathOf } from "../api/client";
import type { Listed } from "../api/types";
import { useReadOwn } from "../api/useRead";

export interface Named {
  readonly id?: string;
  readonly name?: string;
  readonly title?: string;
}

interface Props {
  readonly label: string;
  readonly path: PathOf<"get">;
  readonly onChoose: (one: Named | undefined) => void;
  readonly required?: boolean;
}

const SHOWN = 20;

export function Choice({ label, path, onChoose, required = false }: Props) {
  const id = useId();
  const [text, setText] = useState("");
  const found = useReadOwn<Listed<Named>>(path, {
    query: { namePattern: text, "next.pageSize": SHOWN },
  });
  const rows = found.data?.list ?? [];
  const change = (value: string) => {
    setText(value);
    onChoose(rows.find((one) => one.name === value));
  };
  const known = rows.some((one) => one.name === text);
  return (
    <FormGroup label={label} fieldId={id} isRequired={required}>
      <TextInput
        id={id}
        list={`${id}-names`}
        value={text}
        onChange={(_event, value) => change(value)}
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
      {text !== "" && !known && found.isSuccess && (
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
