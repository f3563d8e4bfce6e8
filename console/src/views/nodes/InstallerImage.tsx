/** The installer image of a node: an operating system that comes to this controller by itself. */
import { Content } from "@patternfly/react-core";
import { useState } from "react";
import { useSession } from "../../session/Session";
import { Ask } from "../../ui/Ask";
import { Field } from "../../ui/Field";
import { pathOf } from "./folder";

export function InstallerImage({ id }: { readonly id: string }) {
  const { api } = useSession();
  const [imageTag, setTag] = useState("");
  const [installDisk, setDisk] = useState("auto");
  const [link, setLink] = useState("");
  const make = async () => {
    const params = { id };
    const body = { imageTag, imageType: "Installer", installDisk };
    await api.post("/v1/devices/id/{id}/suimage", { params, body });
    const made = await api.get("/v1/devices/id/{id}/suimage/link", { params });
    setLink(pathOf(made.link ?? ""));
  };
  return (
    <>
      <Ask name="Make an installer image" work={make}>
        <Field
          label="Tag"
          value={imageTag}
          onChange={setTag}
          required
          help="Of an image that this controller has; the answer to another one names them"
        />
        <Field
          label="Disk"
          value={installDisk}
          onChange={setDisk}
          required
          help="Of the machine, all of which is overwritten: auto, /dev/sda, or serial:SERIAL"
        />
      </Ask>
      {link && (
        <Content component="p">
          <a href={link} download>
            Download the image
          </a>
          , once and within an hour: it holds a new key of this node. Write it to a medium, and
          start the machine from that.
        </Content>
      )}
    </>
  );
}
