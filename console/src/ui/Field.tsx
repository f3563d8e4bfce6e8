import {
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  TextInput,
} from "@patternfly/react-core";
import { useId } from "react";

interface Props {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly required?: boolean;
  readonly secret?: boolean;
  readonly help?: string;
}

/** A line of text with its label; what it is for stands below it. */
export function Field({ label, value, onChange, required = false, secret = false, help }: Props) {
  const id = useId();
  return (
    <FormGroup label={label} fieldId={id} isRequired={required}>
      <TextInput
        id={id}
        type={secret ? "password" : "text"}
        value={value}
        onChange={(_event, text) => onChange(text)}
        isRequired={required}
        autoComplete="off"
        aria-describedby={help ? `${id}-help` : undefined}
      />
      {help && (
        <FormHelperText>
          <HelperText id={`${id}-help`}>
            <HelperTextItem>{help}</HelperTextItem>
          </HelperText>
        </FormHelperText>
      )}
    </FormGroup>
  );
}
