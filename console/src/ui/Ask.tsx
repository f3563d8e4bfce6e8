/** A small form in a dialogue: makes something, says what stood against it. */
import { Button, Form, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useId, useState } from "react";
import { Problem } from "./Problem";

interface Props {
  readonly name: string;
  readonly work: () => Promise<unknown>;
  readonly done?: () => void;
  readonly open?: boolean;
  readonly children: ReactNode;
}

export function Ask({ name, work, done, open: first = false, children }: Props) {
  const [open, setOpen] = useState(first);
  const queries = useQueryClient();
  const form = useId();
  const doing = useMutation({
    mutationFn: work,
    onSuccess: async () => {
      setOpen(false);
      await queries.invalidateQueries();
      done?.();
    },
  });
  const close = () => {
    doing.reset();
    setOpen(false);
  };
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (event.currentTarget.reportValidity()) doing.mutate();
  };
  return (
    <>
      <Button onClick={() => setOpen(true)}>{name}</Button>
      <Modal variant="small" isOpen={open} onClose={close} aria-label={name}>
        <ModalHeader title={name} />
        <ModalBody>
          <Form id={form} onSubmit={submit}>
            {doing.isError && <Problem error={doing.error} />}
            {children}
          </Form>
        </ModalBody>
        <ModalFooter>
          <Button
            type="submit"
            form={form}
            isLoading={doing.isPending}
            isDisabled={doing.isPending}
          >
            {name}
          </Button>
          <Button variant="link" onClick={close}>
            Cancel
          </Button>
        </ModalFooter>
      </Modal>
    </>
  );
}
