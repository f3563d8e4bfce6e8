/** What can be done with many nodes at once: as jobs of the controller, with a result for each. */
import { FormGroup, TextInput } from "@patternfly/react-core";
import { useState } from "react";
import { useNavigate } from "react-router";
import type { NodeRow } from "../../api/types";
import type { Chosen } from "../../list/selection";
import { useSession } from "../../session/Session";
import { Choice, type Named } from "../../ui/Choice";
import { Do } from "../../ui/Do";
import { jobName } from "../jobs/names";

interface Props {
  readonly chosen: Chosen<NodeRow>;
  readonly done: () => void;
}

export function BulkNodes({ chosen, done }: Props) {
  return (
    <>
      <Tags chosen={chosen} done={done} />
      <Update chosen={chosen} done={done} />
    </>
  );
}

/** The base OS of many nodes; in waves, with a stop when too many fail, it is a roll-out. */
function Update({ chosen, done }: Props) {
  const { api, may } = useSession();
  const navigate = useNavigate();
  const [image, setImage] = useState<Named>();
  if (!may("accessDevice", "Update")) return null;
  const work = async () => {
    if (!image?.id) throw new Error("choose an image of a base OS");
    const made = await api.put("/v1/jobs/devices/baseos/upgrade", {
      body: {
        jobName: jobName("update", new Date()),
        selectionCriteria: { deviceIdList: [...chosen.keys()] },
        baseosUpdate: { baseimage: { uuid: image.id, imageName: image.name, activate: true } },
      },
    });
    done();
    if (made.jobId) navigate(`/jobs/${made.jobId}`);
  };
  return (
    <Do
      name="Update"
      danger
      consequence={`${chosen.size} nodes download this image, reboot into it and test it; one that fails its test falls back by itself. All of them begin at once: for waves, make a roll-out (under Roll-outs).`}
      work={work}
    >
      <Choice label="Image" path="/v1/apps/images" onChoose={setImage} required />
    </Do>
  );
}

function Tags({ chosen, done }: Props) {
  const { api } = useSession();
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [value, setValue] = useState("");
  const work = async () => {
    if (!name.trim()) throw new Error("a tag needs a name; give one");
    const made = await api.put("/v1/jobs/devices/tags", {
      body: {
        jobName: jobName("tag", new Date()),
        selectionCriteria: { deviceIdList: [...chosen.keys()] },
        tagUpdate: { tags: { [name.trim()]: value }, override: false },
      },
    });
    done();
    if (made.jobId) navigate(`/jobs/${made.jobId}`);
  };
  return (
    <Do
      name="Tag"
      consequence={`${chosen.size} nodes get this tag. Policies that select by tags look at them again, which may start or remove apps.`}
      work={work}
    >
      <FormGroup label="Tag" fieldId="tag-name" isRequired>
        <TextInput id="tag-name" value={name} onChange={(_event, text) => setName(text)} />
      </FormGroup>
      <FormGroup label="Value" fieldId="tag-value">
        <TextInput id="tag-value" value={value} onChange={(_event, text) => setValue(text)} />
      </FormGroup>
    </Do>
  );
}
