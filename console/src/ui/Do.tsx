/** A thing to do, whose consequence is said before it is done. */
import { Button, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useId, useState } from "react";
import { Problem } from "./Problem";

interface Props {
  readonly name: string;
  /** What will happen, in full sentences; `children` may add what has to be chosen first. */
  readonly consequence: string;
  readonly danger?: boolean;
  /** In a row of a table. */
  readonly small?: boolean;
  readonly work: () => Promise<unknown>;
  readonly done?: () => void;
  readonly children?: ReactNode;
}

export function Do({
  name,
  consequence,
  danger = false,
  small = false,
  work,
  done,
  children,
}: Props) {
  const [open, setOpen] = useState(false);
  const queries = useQueryClient();
  const title = useId();
  const body = useId();
  const doing = useMutation({
    mutationFn: work,
    onSuccess: async () => {
      setOpen(false);
      done?.();
      await queries.invalidateQueries();
    },
  });
  const close = () => {
    doing.reset();
    setOpen(false);
  };
  return (
    <>
      <Button
        variant="secondary"
        isDanger={danger}
        size={small ? "sm" : "default"}
        onClick={() => setOpen(true)}
      >
        {name}
      </Button>
      <Modal
        variant="small"
        isOpen={open}
        onClose={close}
        aria-labelledby={title}
        aria-describedby={body}
      >
        <ModalHeader title={`${name}?`} labelId={title} />
        <ModalBody id={body}>
          <div className="eaves-rows">
            <p>{consequence}</p>
            {children}
            {doing.isError && <Problem error={doing.error} />}
          </div>
        </ModalBody>
        <ModalFooter>
          <Button
            variant={danger ? "danger" : "primary"}
            onClick={() => doing.mutate()}
            isLoading={doing.isPending}
            isDisabled={doing.isPending}
          >
            {name}
          </Button>
          <Button variant="link" onClick={close}>
            Leave it
          </Button>
        </ModalFooter>
      </Modal>
    </>
  );
}
