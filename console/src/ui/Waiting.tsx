import { Bullseye, Spinner } from "@patternfly/react-core";

/** While something is on its way; said to screen readers as well. */
export function Waiting({ what }: { readonly what: string }) {
  return (
    <Bullseye>
      <Spinner size="lg" aria-label={`Loading ${what}`} />
    </Bullseye>
  );
}
