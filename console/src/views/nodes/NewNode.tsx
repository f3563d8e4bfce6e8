/** The record of a node that will come: its model, its project, its serial number. */
import { useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { useSession } from "../../session/Session";
import { Ask } from "../../ui/Ask";
import { Choice, type Named } from "../../ui/Choice";
import { Field } from "../../ui/Field";

export function NewNode() {
  const { api } = useSession();
  const navigate = useNavigate();
  const [params] = useSearchParams();
  const [name, setName] = useState("");
  const [serial, setSerial] = useState(params.get("serial") ?? "");
  const [model, setModel] = useState<Named>();
  const [project, setProject] = useState<Named>();
  const [network, setNetwork] = useState<Named>();
  const [port, setPort] = useState("eth0");
  const work = async () => {
    if (!model?.id || !project?.id) throw new Error("choose a model and a project that there are");
    const made = await api.post("/v1/devices", {
      body: {
        name,
        title: name,
        modelId: model.id,
        projectId: project.id,
        serialno: serial,
        adminState: "ADMIN_STATE_ACTIVE",
        interfaces: network
          ? [{ intfname: port, intfUsage: "ADAPTER_USAGE_MANAGEMENT", netname: network.name }]
          : null,
      },
    });
    navigate(`/nodes/${made.objectId}`);
  };
  return (
    <Ask name="New node" work={work} open={params.has("new")}>
      <Field label="Name" value={name} onChange={setName} required />
      <Field
        label="Serial number"
        value={serial}
        onChange={setSerial}
        required
        help="Of the machine, or one of your own that its onboarding folder tells"
      />
      <Choice label="Model" path="/v1/sysmodels" onChoose={setModel} required />
      <Choice label="Project" path="/v1/projects" onChoose={setProject} required />
      <Choice label="Network of its uplink" path="/v1/networks" onChoose={setNetwork} />
      <Field
        label="Port of its uplink"
        value={port}
        onChange={setPort}
        help="As the model calls it"
      />
    </Ask>
  );
}
