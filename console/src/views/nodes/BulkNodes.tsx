/** What can be done with many nodes at once: as jobs of the controller where it has one for it. */
import { FormGroup, TextInput } from "@patternfly/react-core";
import { useState } from "react";
import { useNavigate } from "react-router";
import type { PathOf } from "../../api/client";
import type { NodeRow } from "../../api/types";
import { BulkDelete } from "../../list/BulkDelete";
import { BulkDo } from "../../list/BulkDo";
import type { Chosen } from "../../list/selection";
import type { Verb } from "../../rights/rights";
import { useSession } from "../../session/Session";
import { Choice, type Named } from "../../ui/Choice";
import { Do } from "../../ui/Do";
import { jobName } from "../jobs/names";

interface Props {
  readonly chosen: Chosen<NodeRow>;
  readonly done: () => void;
}

const VERBS: readonly {
  readonly name: string;
  readonly path: PathOf<"put">;
  readonly verb: Verb;
  readonly consequence: string;
  readonly danger: boolean;
}[] = [
  {
    name: "Reboot",
    path: "/v1/devices/id/{id}/reboot",
    verb: "Execute",
    consequence: "they stop their apps in order and restart; the apps are away until then.",
    danger: true,
  },
  {
    name: "Activate",
    path: "/v1/devices/id/{id}/activate",
    verb: "Update",
    consequence: "they are given their configuration again, and start the apps of theirs.",
    danger: false,
  },
  {
    name: "Deactivate",
    path: "/v1/devices/id/{id}/deactivate",
    verb: "Update",
    consequence:
      "all of their apps stop; the volumes stay. They go on asking for their configuration.",
    danger: true,
  },
];

export function BulkNodes({ chosen, done }: Props) {
  const { may } = useSession();
  return (
    <>
      <Tags chosen={chosen} done={done} />
      <Update chosen={chosen} done={done} />
      {VERBS.filter((one) => may("accessDevice", one.verb)).map((one) => (
        <BulkDo
          key={one.name}
          name={one.name}
          danger={one.danger}
          consequence={one.consequence}
          rows={[...chosen]}
          nameOf={(row) => row.name}
          call={(api, id) => api.put(one.path, { params: { id } })}
          done={done}
        />
      ))}
      <BulkDelete
        chosen={chosen}
        done={done}
        area="accessDevice"
        path="/v1/devices/id/{id}"
        nameOf={(row) => row.name}
      />
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
  const { api, may } = useSession();
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [value, setValue] = useState("");
  if (!may("accessDevice", "Update")) return null;
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
