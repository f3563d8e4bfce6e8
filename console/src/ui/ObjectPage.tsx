/** Any object as text: read, changed, deleted; a refusal names the member that it is about. */
import {
  ActionList,
  ActionListItem,
  Breadcrumb,
  BreadcrumbItem,
  Stack,
  StackItem,
  Title,
} from "@patternfly/react-core";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { Link, useNavigate } from "react-router";
import { parse, stringify } from "yaml";
import type { PathOf } from "../api/client";
import { useReadOwn } from "../api/useRead";
import type { Area } from "../rights/rights";
import { useSession } from "../session/Session";
import { Answer } from "./Answer";
import { Do } from "./Do";
import { Editor } from "./Editor";
import { ANYWAY } from "./leaving";
import { Plan } from "./Plan";
import { Tabbed } from "./Tabbed";
import { Unsaved } from "./Unsaved";

interface Props<T> {
  readonly id: string;
  readonly noun: string;
  readonly list: string;
  readonly area: Area;
  readonly path: PathOf<"get"> & PathOf<"put"> & PathOf<"delete">;
  readonly more?: ReactNode;
  /** A policy: what saving it would do to the nodes is told before. */
  readonly plan?: "project" | "deployment";
  /** The same as a form, which is shown first; `tab` is what the address says. */
  readonly form?: (object: T) => ReactNode;
  readonly tab?: string | undefined;
}

interface Any {
  readonly name?: string;
  readonly title?: string;
}

export function ObjectPage<T extends Any = Any>(props: Props<T>) {
  const { id, noun, list, area, path, more, plan, form, tab } = props;
  const found = useReadOwn<T>(path, { params: { id }, every: 3_600_000 });
  const text = (object: T) => (
    <ObjectText
      id={id}
      noun={noun}
      list={list}
      area={area}
      path={path}
      plan={plan}
      object={object}
      stays={form !== undefined}
    />
  );
  return (
    <Answer query={found} what={noun}>
      {(object) => (
        <Stack hasGutter>
          <StackItem>
            <Breadcrumb>
              <BreadcrumbItem>
                <Link to={list}>{noun}s</Link>
              </BreadcrumbItem>
              <BreadcrumbItem isActive>
                <bdi>{object.name}</bdi>
              </BreadcrumbItem>
            </Breadcrumb>
            <Title headingLevel="h1" className="eaves-long">
              <bdi>{object.title || object.name}</bdi>
            </Title>
            {form ? (
              <div className="eaves-actions">
                {more}
                <Deletion {...props} object={object} />
              </div>
            ) : (
              more
            )}
          </StackItem>
          <StackItem isFilled>
            {form ? (
              <Tabbed
                label={`This ${noun.toLowerCase()}`}
                base={`${list}/${id}`}
                tab={tab}
                tabs={[
                  { key: "form", title: "Form", body: () => form(object) },
                  { key: "text", title: "Text", body: () => text(object) },
                ]}
              />
            ) : (
              text(object)
            )}
          </StackItem>
        </Stack>
      )}
    </Answer>
  );
}

interface TextProps extends Omit<Props<Any>, "plan" | "more" | "form" | "tab"> {
  readonly object: Any;
  readonly plan?: Props<Any>["plan"] | undefined;
  /** Its deletion stands elsewhere on the page. */
  readonly stays?: boolean;
}

export function ObjectText({ id, noun, list, area, path, object, plan, stays = false }: TextProps) {
  const { api, may } = useSession();
  const shown = stringify(object);
  const [base, setBase] = useState(shown);
  const [text, setText] = useState(shown);
  const params = { id };
  const changed = text !== base;
  const seen = useRef(shown);
  // what somebody else changed shows at once, but never in the place of what is being written; what
  // was read before it was saved is no change
  useEffect(() => {
    if (changed || seen.current === shown) return;
    seen.current = shown;
    setBase(shown);
    setText(shown);
  }, [changed, shown]);
  return (
    <>
      <Editor
        label={`${noun} as YAML`}
        text={base}
        readOnly={!may(area, "Update")}
        onText={setText}
      />
      {changed && <Unsaved />}
      <ActionList>
        {may(area, "Update") && changed && (
          <ActionListItem>
            <Do
              name="Save"
              consequence="The object becomes what the text says; nodes that use it are given the change. A member that is left out is set to nothing."
              work={async () => {
                await api.put(path, { params, body: parse(text) });
                seen.current = shown; // from before the save; what is read meanwhile may be its result
              }}
              done={() => setBase(text)}
            >
              {plan && <Plan kind={plan} object={readable(text)} />}
            </Do>
          </ActionListItem>
        )}
        {!stays && (
          <ActionListItem>
            <Deletion id={id} area={area} path={path} list={list} plan={plan} object={object} />
          </ActionListItem>
        )}
      </ActionList>
    </>
  );
}

type DeletionProps = Pick<TextProps, "id" | "area" | "path" | "list" | "plan" | "object">;

/** Nothing for who may not. */
function Deletion({ id, area, path, list, plan, object }: DeletionProps) {
  const { api, may } = useSession();
  const navigate = useNavigate();
  if (!may(area, "Delete")) return null;
  return (
    <Do
      name="Delete"
      danger
      consequence="It is deleted. What still refers to it is named, and has to go first."
      work={() => api.remove(path, { params: { id } })}
      done={() => navigate(list, { state: ANYWAY })}
    >
      {plan && <Plan kind={plan} object={object} gone />}
    </Do>
  );
}

/** What the text says; nothing while it is no YAML, which saving it tells as well. */
function readable(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return {};
  }
}
