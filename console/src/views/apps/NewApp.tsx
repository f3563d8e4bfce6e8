/** An app of one image: what most of them need; the rest is changed as text afterwards. */
import { useState } from "react";
import { useNavigate } from "react-router";
import { useSession } from "../../session/Session";
import { Ask } from "../../ui/Ask";
import { Choice, type Named } from "../../ui/Choice";
import { Field } from "../../ui/Field";
import { bundleOf } from "./bundle";

type Image = Named & { readonly imageFormat?: string };

export function NewApp() {
  const { api } = useSession();
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [image, setImage] = useState<Image>();
  const [cpus, setCpus] = useState("1");
  const [memoryMiB, setMemory] = useState("64");
  const [appPort, setAppPort] = useState("");
  const [nodePort, setNodePort] = useState("");
  const work = async () => {
    if (!image) throw new Error("choose an image that there is");
    const body = bundleOf({ name, image, cpus, memoryMiB, appPort, nodePort });
    const made = await api.post("/v1/apps", { body });
    navigate(`/apps/${made.objectId}`);
  };
  return (
    <Ask name="New app" work={work}>
      <Field label="Name" value={name} onChange={setName} required />
      <Choice<Image> label="Image" path="/v1/apps/images" onChoose={setImage} required />
      <Field label="Processors" value={cpus} onChange={setCpus} required />
      <Field label="Memory in MiB" value={memoryMiB} onChange={setMemory} required />
      <Field
        label="Port of the app"
        value={appPort}
        onChange={setAppPort}
        help="Where it listens, TCP; leave it empty if nothing is to reach it"
      />
      <Field
        label="Port of the node"
        value={nodePort}
        onChange={setNodePort}
        help="Where the node answers for it; empty: the same"
      />
    </Ask>
  );
}
