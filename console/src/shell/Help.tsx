import {
  DescriptionList,
  DescriptionListDescription,
  DescriptionListGroup,
  DescriptionListTerm,
  Modal,
  ModalBody,
  ModalHeader,
} from "@patternfly/react-core";
import { PLACES } from "./places";

const OTHERS: readonly (readonly [string, string])[] = [
  ["Ctrl+K", "Go to a page, a node or an app instance by its name"],
  ["/", "Filter the list"],
  ["?", "This help"],
];

export function Help({ onClose }: { readonly onClose: () => void }) {
  const going = PLACES.flatMap(({ key, title }) => (key ? [[`g ${key}`, title] as const] : []));
  return (
    <Modal variant="small" isOpen onClose={onClose} aria-label="Keys">
      <ModalHeader title="Keys" />
      <ModalBody>
        <DescriptionList isHorizontal isCompact>
          {[...OTHERS, ...going].map(([keys, what]) => (
            <DescriptionListGroup key={keys}>
              <DescriptionListTerm>
                <kbd>{keys}</kbd>
              </DescriptionListTerm>
              <DescriptionListDescription>{what}</DescriptionListDescription>
            </DescriptionListGroup>
          ))}
        </DescriptionList>
      </ModalBody>
    </Modal>
  );
}
