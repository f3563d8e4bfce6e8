/** Hardware models of the catalogue that comes with Eaves, copied into the tenant. */
import { useState } from "react";
import { useSession } from "../../session/Session";
import { Ask } from "../../ui/Ask";
import { Choice, type Named } from "../../ui/Choice";

export function ImportModels() {
  const { api } = useSession();
  const [model, setModel] = useState<Named>();
  const work = async () => {
    if (!model?.id) throw new Error("choose a model of the catalogue");
    await api.put("/v1/sysmodels/id/{id}/import", { params: { id: model.id } });
  };
  return (
    <Ask name="Import from the catalogue" work={work}>
      <Choice label="Model" path="/v1/sysmodels/global" onChoose={setModel} required />
    </Ask>
  );
}
