/** The onboarding folder of a node that nobody has seen yet: five small files, one of them secret. */
import {
  ActionList,
  ActionListItem,
  Alert,
  Button,
  Content,
  List,
  ListItem,
} from "@patternfly/react-core";
import { useMutation } from "@tanstack/react-query";
import { useSession } from "../../session/Session";
import { Problem } from "../../ui/Problem";
import { save } from "../../ui/save";
import { type Device, filesOf, type Here } from "./folder";
import { InstallerImage } from "./InstallerImage";

export function Onboarding({ id }: { readonly id: string }) {
  const { api, may } = useSession();
  const making = useMutation({
    mutationFn: async () => {
      const params = { id };
      const device = await api.getOwn<Device>("/v1/devices/id/{id}/onboarding", { params });
      const here = await api.getOwn<Here>("/v1/eaves/controller");
      return filesOf(device, here);
    },
  });
  if (!may("accessDevice", "Update")) return null;
  const files = making.data ?? [];
  return (
    <Alert isInline component="h2" variant="info" title="This node has not come yet">
      <Content component="p">
        Give the machine these files in one folder, and start it as root with{" "}
        <code>eaves node install --from FOLDER</code>. One of them is a private key: carry it by a
        safe way, and delete it here afterwards. A machine without an operating system is started
        from an installer image instead, where this controller has one.
      </Content>
      {making.isError && <Problem error={making.error} />}
      <ActionList>
        {files.length === 0 && (
          <ActionListItem>
            <Button onClick={() => making.mutate()} isLoading={making.isPending}>
              Make the onboarding folder
            </Button>
          </ActionListItem>
        )}
        <ActionListItem>
          <InstallerImage id={id} />
        </ActionListItem>
      </ActionList>
      {files.length > 0 && (
        <List isPlain>
          {files.map((file) => (
            <ListItem key={file.name}>
              <Button variant="link" isInline onClick={() => save(file.name, file.text)}>
                {file.name}
              </Button>
            </ListItem>
          ))}
        </List>
      )}
    </Alert>
  );
}
