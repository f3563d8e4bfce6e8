/** Tabs whose choice stands in the address; what a tab shows is asked for when it is opened. */
import { Tab, Tabs, TabTitleText } from "@patternfly/react-core";
import { type ReactNode, useEffect, useRef } from "react";
import { useNavigate } from "react-router";

export interface One {
  readonly key: string;
  readonly title: string;
  readonly body: () => ReactNode;
}

interface Props {
  readonly label: string;
  readonly base: string;
  readonly tab: string | undefined;
  readonly tabs: readonly One[];
}

export function Tabbed({ label, base, tab, tabs }: Props) {
  const navigate = useNavigate();
  const active = tabs.find((one) => one.key === tab) ?? tabs[0];
  const place = useRef<HTMLDivElement>(null);
  // on a phone not all of them fit: the one that is open is in sight
  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever another one is opened
  useEffect(() => {
    const open = place.current?.querySelector("[aria-selected=true]");
    open?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [active?.key]);
  return (
    <div ref={place}>
      <Tabs
        aria-label={label}
        activeKey={active?.key ?? ""}
        onSelect={(_event, key) => navigate(key === tabs[0]?.key ? base : `${base}/${key}`)}
        mountOnEnter
        unmountOnExit
      >
        {tabs.map((one) => (
          <Tab key={one.key} eventKey={one.key} title={<TabTitleText>{one.title}</TabTitleText>}>
            {one.key === active?.key && one.body()}
          </Tab>
        ))}
      </Tabs>
    </div>
  );
}
