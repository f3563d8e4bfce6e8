import { Label } from "@patternfly/react-core";
import {
  BanIcon,
  CheckCircleIcon,
  ExclamationCircleIcon,
  ExclamationTriangleIcon,
  InfoCircleIcon,
  InProgressIcon,
} from "@patternfly/react-icons";
import type { ComponentType } from "react";
import { NOTHING, type Tone, toneOf, worded } from "./words";

const LOOKS: Readonly<
  Record<Tone, { color: "green" | "blue" | "orange" | "red" | "grey"; Icon: ComponentType }>
> = {
  good: { color: "green", Icon: CheckCircleIcon },
  busy: { color: "blue", Icon: InProgressIcon },
  warning: { color: "orange", Icon: ExclamationTriangleIcon },
  bad: { color: "red", Icon: ExclamationCircleIcon },
  off: { color: "grey", Icon: BanIcon },
};
const TOLD = /^(SEVERITY_)?(INFO|NOTICE|UNSPECIFIED)$/; // no state at all, but news

/** A state as word, shape and colour: never by colour alone. */
export function State({ word }: { readonly word: string | undefined }) {
  const text = worded(word);
  if (text === NOTHING) return <>{text}</>;
  const { color, Icon } = LOOKS[toneOf(word)];
  const Shape = TOLD.test(word ?? "") ? InfoCircleIcon : Icon;
  return (
    <Label color={color} icon={<Shape />} isCompact>
      {text}
    </Label>
  );
}
