/** Which app instances an action on their node stops, said before it is done. */
import { Content } from "@patternfly/react-core";
import type { AppRow, Listed } from "../../api/types";
import { useReadOwn } from "../../api/useRead";
import { useSession } from "../../session/Session";
import { Answer } from "../../ui/Answer";
import { named } from "../../ui/named";

const SHOWN = 10;

export function Touched({ node }: { readonly node: string }) {
  const { may } = useSession();
  const reads = may("accessAppInstance", "Read");
  const apps = useReadOwn<Listed<AppRow>>("/v1/apps/instances/status-config", {
    query: { deviceName: node, "next.pageSize": SHOWN },
    enabled: reads && node !== "",
  });
  if (!reads) return null;
  return (
    <Answer query={apps} what="what runs on it">
      {({ list = [], totalCount = list.length }) => (
        <Content component="p">
          <bdi>{`On it: ${named(
            list.map((one) => one.name ?? ""),
            totalCount,
          )}.`}</bdi>
        </Content>
      )}
    </Answer>
  );
}
