/** Every list of the console: filters, order, pages and choice, all asked of the controller. */
import {
  Button,
  Checkbox,
  EmptyState,
  EmptyStateBody,
  FormSelect,
  FormSelectOption,
  Pagination,
  Title,
  Toolbar,
  ToolbarContent,
  ToolbarFilter,
  ToolbarGroup,
  ToolbarItem,
} from "@patternfly/react-core";
import { ExpandableRowContent, Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import type { Listed } from "../api/types";
import { Problem } from "../ui/Problem";
import { Waiting } from "../ui/Waiting";
import { allChosen, allOf, type Chosen, toggled } from "./selection";
import { atFirst, counted, filtered, type ListState, SIZES, sorted, turned } from "./state";
import { Typed } from "./Typed";

const CHECK = "pf-v6-c-table__check"; // the cells' own way to choose names a row by its number alone

export interface Column<T> {
  readonly title: string;
  /** The member that orders by this column; none: it does not. */
  readonly sort?: string;
  readonly cell: (row: T) => ReactNode;
}

export interface Filter {
  readonly name: string;
  readonly label: string;
  /** Words to choose from; without: text. */
  readonly choices?: readonly { readonly value: string; readonly label: string }[];
}

interface Props<T> {
  readonly title: string;
  readonly about?: string;
  readonly query: UseQueryResult<Listed<T>>;
  readonly state: ListState;
  /** The change is of what the address says by then, not of what was rendered. */
  readonly onState: (change: (state: ListState) => ListState, replace?: boolean) => void;
  readonly columns: readonly Column<T>[];
  readonly filters: readonly Filter[];
  readonly idOf: (row: T) => string;
  readonly nameOf: (row: T) => string;
  readonly actions?: ReactNode;
  /** What may be done with the rows that are chosen; without, nothing is chosen here. */
  readonly bulk?: (chosen: Chosen<T>, done: () => void) => ReactNode;
  /** What a row shows once it is opened. */
  readonly detail?: (row: T) => ReactNode;
  /** Each row as a card in place of a table; columns are what cards are ordered by. */
  readonly card?: (row: T) => ReactNode;
  /** Cards one below the other. */
  readonly wide?: boolean;
  /** Whether somebody asked for less than the list usually has; without: by any filter. */
  readonly narrowed?: boolean;
  readonly empty: ReactNode;
}

export function ListView<T>(props: Props<T>) {
  const { title, query, idOf, bulk } = props;
  const [chosen, setChosen] = useState<Chosen<T>>(new Map());
  const rows = query.data?.list ?? [];
  return (
    <section aria-label={title}>
      <Title headingLevel="h1">{title}</Title>
      {props.about && <p>{props.about}</p>}
      <Tools {...props} />
      {bulk && chosen.size > 0 && (
        <Toolbar aria-label={`With ${chosen.size} chosen`}>
          <ToolbarContent>
            <ToolbarItem alignSelf="center">{chosen.size} chosen</ToolbarItem>
            <ToolbarGroup>{bulk(chosen, () => setChosen(new Map()))}</ToolbarGroup>
            <Button variant="link" onClick={() => setChosen(new Map())}>
              Choose none
            </Button>
          </ToolbarContent>
        </Toolbar>
      )}
      {query.isError && <Problem error={query.error} />}
      {query.isPending && <Waiting what={title} />}
      {query.data && rows.length === 0 && <Nothing {...props} />}
      {props.card && (
        <div className={props.wide ? "eaves-rows" : "eaves-cards"}>{rows.map(props.card)}</div>
      )}
      {!props.card && rows.length > 0 && (
        <Rows
          {...props}
          rows={rows}
          chosen={chosen}
          onChosen={bulk ? setChosen : undefined}
          all={allChosen(chosen, rows, idOf)}
        />
      )}
    </section>
  );
}

function Tools<T>({ filters, state, onState, actions, query, card, columns }: Props<T>) {
  const shown = query.isPlaceholderData ? undefined : query.data; // else: of the page before
  const total = counted(state, query.data);
  return (
    <Toolbar clearAllFilters={() => onState((now) => atFirst({ ...now, filters: {} }))}>
      <ToolbarContent>
        {filters.map((one) => (
          <ToolbarFilter
            key={one.name}
            labels={labelsOf(one, state)}
            deleteLabel={() => onState((now) => filtered(now, one.name, ""))}
            categoryName={one.label}
          >
            {one.choices ? (
              <FormSelect
                aria-label={one.label}
                value={state.filters[one.name] ?? ""}
                onChange={(_event, value) => onState((now) => filtered(now, one.name, value))}
              >
                <FormSelectOption value="" label={`${one.label}: any`} />
                {one.choices.map((choice) => (
                  <FormSelectOption key={choice.value} value={choice.value} label={choice.label} />
                ))}
              </FormSelect>
            ) : (
              <Typed
                label={one.label}
                value={state.filters[one.name] ?? ""}
                onValue={(text) => onState((now) => filtered(now, one.name, text), true)}
              />
            )}
          </ToolbarFilter>
        ))}
        {card && <Order columns={columns} state={state} onState={onState} />}
        <ToolbarGroup>{actions}</ToolbarGroup>
        <ToolbarItem variant="pagination" align={{ default: "alignEnd" }}>
          <Pagination
            {...(total === undefined ? {} : { itemCount: total })}
            page={state.page}
            perPage={state.size}
            perPageOptions={SIZES.map((value) => ({ title: String(value), value }))}
            onSetPage={(_event, page) => onState((now) => turned(now, page, shown))}
            onPerPageSelect={(_event, size) => onState((now) => atFirst({ ...now, size }))}
            isCompact
            toggleTemplate={({ firstIndex, lastIndex }) => (
              <>
                <b>
                  {firstIndex} - {lastIndex}
                </b>{" "}
                of {total ?? "many"}
              </>
            )}
          />
        </ToolbarItem>
      </ToolbarContent>
    </Toolbar>
  );
}

/** What the heads of a table do, where there is none. */
function Order<T>({ columns, state, onState }: Pick<Props<T>, "columns" | "state" | "onState">) {
  const ways = columns.flatMap(({ title, sort }) =>
    sort
      ? [
          { value: `${sort}:asc`, label: `${title}, up` },
          { value: `${sort}:desc`, label: `${title}, down` },
        ]
      : [],
  );
  const { sort } = state;
  return (
    <ToolbarItem>
      <FormSelect
        aria-label="Order"
        value={sort ? `${sort.by}:${sort.down ? "desc" : "asc"}` : ""}
        onChange={(_event, value) => {
          const [by = "", way] = value.split(":");
          onState((now) =>
            atFirst({ ...now, sort: by ? { by, down: way === "desc" } : undefined }),
          );
        }}
      >
        <FormSelectOption value="" label="Order: as usual" />
        {ways.map((one) => (
          <FormSelectOption key={one.value} value={one.value} label={one.label} />
        ))}
      </FormSelect>
    </ToolbarItem>
  );
}

function labelsOf(filter: Filter, state: ListState): string[] {
  const value = state.filters[filter.name];
  if (!value) return [];
  return [filter.choices?.find((one) => one.value === value)?.label ?? value];
}

function Rows<T>({
  title,
  query,
  columns,
  rows,
  state,
  onState,
  idOf,
  nameOf,
  chosen,
  onChosen,
  all,
  detail,
}: Props<T> & {
  readonly rows: readonly T[];
  readonly chosen: Chosen<T>;
  readonly onChosen: ((chosen: Chosen<T>) => void) | undefined;
  readonly all: boolean;
}) {
  return (
    <Table aria-label={title} variant="compact" isStickyHeader>
      <Thead>
        <Tr>
          {detail && <Th screenReaderText="Show more" />}
          {onChosen && (
            <Th className={CHECK}>
              <Checkbox
                id="choose-all"
                aria-label="Choose all of this page"
                isDisabled={query.isPlaceholderData} // these are rows of the page before
                isChecked={all}
                onChange={(_event, on) => onChosen(allOf(chosen, rows, idOf, on))}
              />
            </Th>
          )}
          {columns.map((column, index) => (
            <Th
              key={column.title}
              modifier="nowrap"
              {...sortOf(columns, column, index, state, onState)}
            >
              {column.title}
            </Th>
          ))}
        </Tr>
      </Thead>
      {detail ? (
        rows.map((row, index) => (
          <Opened key={idOf(row)} index={index} columns={columns} row={row} detail={detail} />
        ))
      ) : (
        <Tbody>
          {rows.map((row) => (
            <Tr key={idOf(row)}>
              {onChosen && (
                <Td className={CHECK}>
                  <Checkbox
                    id={`choose-${idOf(row)}`}
                    aria-label={`Choose ${nameOf(row)}`}
                    isChecked={chosen.has(idOf(row))}
                    onChange={(_event, on) => onChosen(toggled(chosen, idOf(row), row, on))}
                  />
                </Td>
              )}
              <Cells columns={columns} row={row} />
            </Tr>
          ))}
        </Tbody>
      )}
    </Table>
  );
}

interface RowProps<T> {
  readonly columns: readonly Column<T>[];
  readonly row: T;
}

function Cells<T>({ columns, row }: RowProps<T>) {
  return columns.map((column) => (
    <Td key={column.title} dataLabel={column.title} modifier="breakWord">
      {column.cell(row)}
    </Td>
  ));
}

function Opened<T>({
  columns,
  row,
  index,
  detail,
}: RowProps<T> & { readonly index: number; readonly detail: (row: T) => ReactNode }) {
  const [open, setOpen] = useState(false);
  return (
    <Tbody isExpanded={open}>
      <Tr>
        <Td expand={{ rowIndex: index, isExpanded: open, onToggle: () => setOpen(!open) }} />
        <Cells columns={columns} row={row} />
      </Tr>
      {open && (
        <Tr isExpanded>
          <Td colSpan={columns.length + 1}>
            <ExpandableRowContent>{detail(row)}</ExpandableRowContent>
          </Td>
        </Tr>
      )}
    </Tbody>
  );
}

function sortOf<T>(
  columns: readonly Column<T>[],
  column: Column<T>,
  index: number,
  state: ListState,
  onState: (change: (state: ListState) => ListState) => void,
) {
  const { sort } = column;
  if (!sort) return {};
  const active = columns.findIndex((one) => one.sort !== undefined && one.sort === state.sort?.by);
  return {
    sort: {
      sortBy: {
        ...(active < 0 ? {} : { index: active }),
        direction: state.sort?.down ? ("desc" as const) : ("asc" as const),
      },
      columnIndex: index,
      onSort: () => onState((now) => sorted(now, sort)),
    },
  };
}

function Nothing<T>({
  state,
  narrowed = Object.keys(state.filters).length > 0,
  onState,
  empty,
}: Props<T>) {
  if (state.page > 1)
    return (
      <EmptyState headingLevel="h2" titleText="The list ends before this page">
        <EmptyStateBody>
          <Button variant="link" onClick={() => onState(atFirst)}>
            Go to its beginning
          </Button>
        </EmptyStateBody>
      </EmptyState>
    );
  if (!narrowed) return <>{empty}</>;
  return (
    <EmptyState headingLevel="h2" titleText="Nothing fits these filters">
      <EmptyStateBody>
        <Button variant="link" onClick={() => onState((now) => atFirst({ ...now, filters: {} }))}>
          Take the filters away
        </Button>
      </EmptyStateBody>
    </EmptyState>
  );
}
