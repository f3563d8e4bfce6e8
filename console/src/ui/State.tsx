import { Label } from "@patternfly/react-core";
import {
  BanIcon,
  CheckCircleIcon,
  ExclamationCircleIcon,
  ExclamationTriangleIcon,
  InProgressIcon,
} from "@patternfly/react-icons";
import type { ComponentType } from "react";
import { type Tone, toneOf, worded } from "./words";

const LOOKS: Readonly<
  Record<Tone, { color: "green" | "blue" | "orange" | "red" | "grey"; Icon: ComponentType }>
> = {
  good: { color: "green", Icon: CheckCircleIcon },
  busy: { color: "blue", Icon: InProgressIcon },
  warning: { color: "orange", Icon: ExclamationTriangleIcon },
  bad: { color: "red", Icon: ExclamationCircleIcon },
  off: { color: "grey", Icon: BanIcon },
};

/** A state as word, shape and colour: never by colour alone. */
export function State({ word }: { readonly word: string | undefined }) {
  const { color, Icon } = LOOKS[toneOf(word)];
  return (
    <Label color={color} icon={<Icon />} isCompact>
      {worded(word)}
    </Label>
  );
}
