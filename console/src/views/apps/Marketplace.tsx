/** The shelf: apps that come with Eaves, imported into the tenant by one job. */
import {
  Button,
  Card,
  CardBody,
  CardFooter,
  CardTitle,
  Content,
  Label,
  SearchInput,
  Title,
} from "@patternfly/react-core";
import { useDeferredValue, useRef } from "react";
import { Link, useSearchParams } from "react-router";
import type { BundleRow, Listed } from "../../api/types";
import { useReadOwn } from "../../api/useRead";
import { useSession } from "../../session/Session";
import { Answer } from "../../ui/Answer";
import { Described } from "../../ui/Described";
import { Do } from "../../ui/Do";
import { worded } from "../../ui/words";
import { EntryImages } from "./EntryImages";
import { importEntry, NOTHING_SAID } from "./importing";

export function Marketplace() {
  const [params, setParams] = useSearchParams();
  const text = params.get("namePattern") ?? "";
  const namePattern = useDeferredValue(text);
  const shelf = useReadOwn<Listed<BundleRow>>("/v1/apps/global", {
    query: { namePattern, "next.pageSize": 200 },
  });
  const change = (value: string) =>
    setParams(value ? { namePattern: value } : {}, { replace: true });
  return (
    <section aria-label="Marketplace">
      <Title headingLevel="h1">Marketplace</Title>
      <SearchInput
        className="eaves-filter"
        aria-label="Name"
        placeholder="Name"
        value={text}
        onChange={(_event, value) => change(value)}
        onClear={() => change("")}
      />
      <Answer query={shelf} what="the marketplace">
        {({ list = [] }) =>
          list.length === 0 ? (
            <p>Nothing has this in its name.</p>
          ) : (
            <div className="eaves-cards">
              {list.map((one) => (
                <Entry key={one.id} one={one} />
              ))}
            </div>
          )
        }
      </Answer>
    </section>
  );
}

function Entry({ one }: { readonly one: BundleRow }) {
  const { api, may } = useSession();
  const given = useRef(NOTHING_SAID);
  return (
    <Card isCompact component="article">
      <CardTitle component="h2">
        <bdi>{one.title}</bdi>
      </CardTitle>
      <CardBody>
        <Content component="p">
          <Described text={one.description ?? ""} />
        </Content>
        <Content component="small">
          {worded(one.manifestJSON?.appType)} · {one.cpus ?? 0} {one.cpus === 1 ? "CPU" : "CPUs"} ·
          version {one.userDefinedVersion || "–"}
        </Content>
      </CardBody>
      <CardFooter>
        <div className="eaves-actions">
          {may("accessAppInstance", "Create") && (
            <Button
              variant="primary"
              component={(props) => <Link {...props} to={`/marketplace/${one.id}/deploy`} />}
            >
              Deploy<span className="pf-v6-screen-reader"> {one.title}</span>
            </Button>
          )}
          {one.isImported ? (
            <Label color="green">Imported</Label>
          ) : (
            may("accessEdgeApp", "Create") && (
              <Do
                name="Import"
                consequence={`A copy of ${one.name} becomes an app of this tenant. Nothing runs yet.`}
                work={() => importEntry(api, one, given.current)}
              >
                <EntryImages
                  id={one.id ?? ""}
                  onGiven={(now) => {
                    given.current = now;
                  }}
                />
              </Do>
            )
          )}
        </div>
      </CardFooter>
    </Card>
  );
}
