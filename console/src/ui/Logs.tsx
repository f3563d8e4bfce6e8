/** The newest lines of a log, with a search; the age of the last line says how live it is. */
import {
  FormSelect,
  FormSelectOption,
  SearchInput,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from "@patternfly/react-core";
import { useDeferredValue, useState } from "react";
import type { PathOf } from "../api/client";
import { useReadOwn } from "../api/useRead";
import { Age } from "./Age";
import { Answer } from "./Answer";

interface LogLine {
  readonly msgid?: string;
  readonly timestamp?: string;
  readonly content?: string;
}
interface Content {
  readonly list?: readonly LogLine[];
}
/** Of an app the lines stand in `content`, of a node the answer is the lines. */
type Told = Content & { readonly content?: Content };

const LINES = 500;
const EVERY_MS = 5_000;
const SEVERITIES = ["debug", "info", "warning", "error"];

export function Logs({ path, id }: { readonly path: PathOf<"get">; readonly id: string }) {
  const [search, setSearch] = useState("");
  const [severity, setSeverity] = useState("");
  const query = { search: useDeferredValue(search), severity, "next.pageSize": LINES };
  const told = useReadOwn<Told>(path, { params: { id }, query, every: EVERY_MS });
  return (
    <>
      <Toolbar aria-label="Log">
        <ToolbarContent>
          <ToolbarItem>
            <SearchInput
              aria-label="Words that a line has"
              placeholder="Search"
              value={search}
              onChange={(_event, text) => setSearch(text)}
              onClear={() => setSearch("")}
            />
          </ToolbarItem>
          <ToolbarItem>
            <FormSelect
              aria-label="Severity"
              value={severity}
              onChange={(_event, word) => setSeverity(word)}
            >
              <FormSelectOption value="" label="Every severity" />
              {SEVERITIES.map((word) => (
                <FormSelectOption key={word} value={word} label={`${word} or worse`} />
              ))}
            </FormSelect>
          </ToolbarItem>
        </ToolbarContent>
      </Toolbar>
      <Answer query={told} what="the log">
        {(answer) => (
          <Lines
            lines={(answer.content ?? answer).list ?? []}
            narrowed={search !== "" || severity !== ""}
          />
        )}
      </Answer>
    </>
  );
}

function Lines({
  lines,
  narrowed,
}: {
  readonly lines: readonly LogLine[];
  readonly narrowed: boolean;
}) {
  const last = lines.at(-1);
  if (!last) return <p>{narrowed ? "No line fits." : "No line has come yet."}</p>;
  return (
    <>
      <p>
        Last line <Age at={last.timestamp} />
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <section className="eaves-log" aria-label="Lines of the log" tabIndex={0}>
        <ol>
          {lines.map((line, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: two lines may be the same in all else
            <li key={`${line.timestamp}-${line.msgid}-${index}`}>
              <time dateTime={line.timestamp}>
                {line.timestamp?.slice(0, 23).replace("T", " ")}
              </time>{" "}
              <bdi>{line.content}</bdi>
            </li>
          ))}
        </ol>
      </section>
    </>
  );
}
