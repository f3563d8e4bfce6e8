/** Where something is written and not saved: no way off the page loses it unasked. */
import { Button, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import { useEffect, useId } from "react";
import { useBlocker } from "react-router";
import { loses } from "./leaving";

export function Unsaved() {
  const title = useId();
  const body = useId();
  const way = useBlocker(({ currentLocation, nextLocation }) =>
    loses(currentLocation, nextLocation),
  );
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, []);
  if (way.state !== "blocked") return null;
  return (
    <Modal
      variant="small"
      isOpen
      onClose={() => way.reset()}
      aria-labelledby={title}
      aria-describedby={body}
    >
      <ModalHeader title="Leave without saving?" labelId={title} />
      <ModalBody id={body}>
        What was changed here is not saved yet, and is lost on the way.
      </ModalBody>
      <ModalFooter>
        <Button variant="danger" onClick={() => way.proceed()}>
          Leave
        </Button>
        <Button variant="link" onClick={() => way.reset()}>
          Stay here
        </Button>
      </ModalFooter>
    </Modal>
  );
}
