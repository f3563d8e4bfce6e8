/** Go anywhere by its name: a page, a node, an app instance. */
import {
  Menu,
  MenuContent,
  MenuGroup,
  MenuItem,
  MenuList,
  Modal,
  ModalBody,
  ModalHeader,
  SearchInput,
} from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, useDeferredValue, useEffect, useRef, useState } from "react";
import { useNavigate } from "react-router";
import type { AppRow, Listed, NodeRow } from "../api/types";
import { useSession } from "../session/Session";
import { type Found, meant, PAGES } from "./found";
import { fits, visible } from "./places";

const SHOWN = 8;

interface Props {
  readonly onClose: () => void;
}

/** Once: an answer that comes later leaves the focus where somebody has moved it. */
const focused = (element: HTMLInputElement | null) => element?.focus();

export function Palette({ onClose }: Props) {
  const [text, setText] = useState("");
  const navigate = useNavigate();
  const list = useRef<HTMLDivElement>(null);
  const shown = useDeferredValue(text.trim());
  const { found, complete } = useFound(shown);
  const [entered, setEntered] = useState<string | undefined>();
  const write = (value: string) => {
    setText(value);
    setEntered(undefined);
  };
  const go = (to: string) => {
    onClose();
    navigate(to);
  };
  useEffect(() => {
    // what is shown may still be of fewer letters: Enter means what was typed, once it is found
    const first = entered === shown ? meant(found, complete) : undefined;
    if (first) go(first.to);
  });
  const typed = (event: KeyboardEvent) => {
    if (event.key === "Enter") setEntered(text.trim());
    if (event.key === "ArrowDown")
      list.current?.querySelector<HTMLElement>("[role=menuitem]")?.focus();
  };
  const groups = [...new Set(found.map((one) => one.group))];
  return (
    <Modal variant="small" isOpen onClose={onClose} aria-label="Go to" position="top">
      <ModalHeader title="Go to" />
      <ModalBody>
        <SearchInput
          aria-label="Name of a page, node or app instance"
          value={text}
          onChange={(_event, value) => write(value)}
          onClear={() => write("")}
          onKeyDown={typed}
          ref={focused}
        />
        <div ref={list}>
          <Menu isPlain isScrollable onSelect={(_event, to) => go(String(to))}>
            <MenuContent>
              {groups.map((group) => (
                <MenuGroup key={group} label={group}>
                  <MenuList>
                    {found
                      .filter((one) => one.group === group)
                      .map((one) => (
                        <MenuItem key={one.to} itemId={one.to}>
                          <bdi>{one.title}</bdi>
                        </MenuItem>
                      ))}
                  </MenuList>
                </MenuGroup>
              ))}
            </MenuContent>
          </Menu>
        </div>
      </ModalBody>
    </Modal>
  );
}

function useFound(text: string): { found: readonly Found[]; complete: boolean } {
  const { api, token, may } = useSession();
  const query = { namePattern: text, "next.pageSize": SHOWN };
  const nodes = useQuery({
    queryKey: ["/v1/devices/status-config", token, "palette", text],
    queryFn: ({ signal }) =>
      api.getOwn<Listed<NodeRow>>("/v1/devices/status-config", { query, signal }),
    enabled: text !== "" && may("accessDevice", "Read"),
  });
  const instances = useQuery({
    queryKey: ["/v1/apps/instances/status-config", token, "palette", text],
    queryFn: ({ signal }) =>
      api.getOwn<Listed<AppRow>>("/v1/apps/instances/status-config", { query, signal }),
    enabled: text !== "" && may("accessAppInstance", "Read"),
  });
  const pages = visible((area) => may(area, "Read"))
    .flatMap((group) => group.places)
    .filter((place) => fits(place.title, text));
  const found = [
    ...pages.map((one) => ({ to: one.path, title: one.title, group: PAGES })),
    ...(nodes.data?.list ?? []).map((one) => ({
      to: `/nodes/${one.id}`,
      title: one.name,
      group: "Nodes",
    })),
    ...(instances.data?.list ?? []).map((one) => ({
      to: `/instances/${one.id}`,
      title: one.name ?? "",
      group: "App instances",
    })),
  ];
  return { found, complete: !nodes.isLoading && !instances.isLoading };
}
