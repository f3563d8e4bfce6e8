/** Where the images of an app of the marketplace are, asked where the tenant has none for it yet. */
import { Content, FormGroup, FormSelect, FormSelectOption } from "@patternfly/react-core";
import { useEffect, useId, useMemo, useRef, useState } from "react";
import { Link } from "react-router";
import type { Listed } from "../../api/types";
import { useRead, useReadOwn } from "../../api/useRead";
import { useSession } from "../../session/Session";
import { Answer } from "../../ui/Answer";
import { Choice } from "../../ui/Choice";
import { Field } from "../../ui/Field";
import type { Given } from "./importing";
import { isContainer, type Needed, neededImages, type Place, type Said } from "./shelf";

interface Props {
  /** Of the entry. */
  readonly id: string;
  readonly onGiven: (given: Given) => void;
}

interface Image {
  readonly imageRelUrl?: string;
  readonly imageVersion?: string;
}

const MOST = 1000;
const NOT_SAID: Said = { sha256: "", bytes: "" };

export function EntryImages({ id, onGiven }: Props) {
  const { may } = useSession();
  const makes = (["Create", "Read", "Update"] as const).every((verb) => may("accessStorage", verb));
  const entry = useRead("/v1/apps/global/id/{id}", { params: { id } });
  const own = useReadOwn<Listed<Image>>("/v1/apps/images", {
    query: { "next.pageSize": MOST },
    enabled: makes,
  });
  const drives = entry.data?.manifestJSON?.images;
  const needed = useMemo(
    () => (drives && own.data ? neededImages(drives, own.data.list ?? []) : []),
    [drives, own.data],
  );
  if (!makes) return null; // the import says what is missing
  return (
    <Answer query={entry} what="the app">
      {() => (
        <Answer query={own} what="the images of the tenant">
          {() => needed.length > 0 && <Asked needed={needed} onGiven={onGiven} />}
        </Answer>
      )}
    </Answer>
  );
}

interface AskedProps {
  readonly needed: readonly Needed[];
  readonly onGiven: (given: Given) => void;
}

function Asked({ needed, onGiven }: AskedProps) {
  const arch = useId();
  const [place, setPlace] = useState<Partial<Place>>({});
  const [said, setSaid] = useState<Readonly<Record<string, Said>>>({});
  const tell = useRef(onGiven);
  tell.current = onGiven;
  useEffect(() => {
    const images = needed.map((one) => ({ needed: one, said: said[one.reference] ?? NOT_SAID }));
    tell.current({ place, images });
  }, [needed, place, said]);
  const put = (reference: string, change: Partial<Said>) =>
    setSaid((now) => ({ ...now, [reference]: { ...NOT_SAID, ...now[reference], ...change } }));
  return (
    <>
      <Content component="p">
        The tenant has no image for it yet. Nodes fetch it from a{" "}
        <Link to="/library/datastores">datastore</Link>; the controller does not look there itself.
        Where a node does not get it, the page of the app instance says why.
      </Content>
      <Choice
        label="Datastore"
        path="/v1/datastores"
        onChoose={(one) => setPlace((now) => ({ ...now, datastore: one?.id ?? "" }))}
        required
      />
      <FormGroup label="Architecture" fieldId={arch}>
        <FormSelect
          id={arch}
          value={place.arch ?? "AMD64"}
          onChange={(_event, word) => setPlace((now) => ({ ...now, arch: word }))}
        >
          <FormSelectOption value="AMD64" label="AMD64" />
          <FormSelectOption value="ARM64" label="ARM64" />
        </FormSelect>
      </FormGroup>
      {needed.map((one) => (
        <Bytes
          key={one.reference}
          needed={one}
          said={said[one.reference] ?? NOT_SAID}
          onChange={(change) => put(one.reference, change)}
        />
      ))}
    </>
  );
}

interface BytesProps {
  readonly needed: Needed;
  readonly said: Said;
  readonly onChange: (change: Partial<Said>) => void;
}

/** Which bytes an image is. */
function Bytes({ needed, said, onChange }: BytesProps) {
  const container = isContainer(needed);
  return (
    <>
      <Field
        label={`sha256 of ${needed.reference}`}
        value={said.sha256}
        onChange={(sha256) => onChange({ sha256 })}
        required={!container}
        help={
          container
            ? "Of its manifest: nodes take this and nothing else. Empty: what the tag means when they fetch it"
            : "Nodes take what has this digest and nothing else"
        }
      />
      {!container && (
        <Field
          label={`Bytes of ${needed.reference}`}
          value={said.bytes}
          onChange={(bytes) => onChange({ bytes })}
          required
        />
      )}
    </>
  );
}
