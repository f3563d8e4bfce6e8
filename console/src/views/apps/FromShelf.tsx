/** From a card of the marketplace to instances: imports it where the tenant has no copy yet. */
import { Content, Title, Wizard, WizardStep } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";
import { Navigate, useNavigate, useParams } from "react-router";
import type { BundleRow, Listed } from "../../api/types";
import { useReadOwn } from "../../api/useRead";
import { useSession } from "../../session/Session";
import { Answer } from "../../ui/Answer";
import { Described } from "../../ui/Described";
import { Problem } from "../../ui/Problem";
import { EntryImages } from "./EntryImages";
import { importEntry, NOTHING_SAID } from "./importing";
import { copyOf } from "./shelf";

const NOT_YOURS = new Error(
  "your role does not import apps into this tenant; ask somebody whose role does to import it",
);

export function FromShelf() {
  const { id = "" } = useParams();
  const entry = useReadOwn<BundleRow>("/v1/apps/global/id/{id}", { params: { id } });
  const own = useReadOwn<Listed<BundleRow>>("/v1/apps", { query: { idOfParentObject: id } });
  return (
    <Answer query={entry} what="the app">
      {(one) => (
        <Answer query={own} what="the apps of the tenant">
          {({ list = [] }) => {
            const copy = copyOf(one, list);
            return copy ? <Navigate replace to={`/apps/${copy}/deploy`} /> : <Import one={one} />;
          }}
        </Answer>
      )}
    </Answer>
  );
}

function Import({ one }: { readonly one: BundleRow }) {
  const { api, may } = useSession();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const given = useRef(NOTHING_SAID);
  const importing = useMutation({
    mutationFn: () => importEntry(api, one, given.current),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["/v1/apps"] }),
  });
  const title = (
    <Title headingLevel="h1">
      Deploy <bdi>{one.title}</bdi>
    </Title>
  );
  if (!may("accessEdgeApp", "Create"))
    return (
      <>
        {title}
        <Problem error={NOT_YOURS} />
      </>
    );
  return (
    <section aria-label="Deploy">
      {title}
      <Wizard onClose={() => navigate("/marketplace")} navAriaLabel="Steps">
        <WizardStep
          id="import"
          name="Import"
          footer={{
            nextButtonText: "Import and go on",
            isNextDisabled: importing.isPending,
            nextButtonProps: { isLoading: importing.isPending },
            onNext: () => importing.mutate(),
          }}
        >
          <div className="eaves-rows">
            {importing.isError && <Problem error={importing.error} title="Nothing was imported" />}
            <Content component="p">
              <Described text={one.description ?? ""} />
            </Content>
            <Content component="p">
              A copy of <bdi>{one.name}</bdi> becomes an app of this tenant. Nothing runs yet: on
              which nodes it is to run is asked next, and told what would come of it before anything
              is done.
            </Content>
            <EntryImages
              id={one.id ?? ""}
              onGiven={(now) => {
                given.current = now;
              }}
            />
          </div>
        </WizardStep>
        <WizardStep id="nodes" name="Nodes" isDisabled />
        <WizardStep id="settings" name="Settings" isDisabled />
        <WizardStep id="look" name="Review" isDisabled />
      </Wizard>
    </section>
  );
}
