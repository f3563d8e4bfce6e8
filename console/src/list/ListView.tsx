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
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import type { Listed } from "../api/types";
import { Problem } from "../ui/Problem";
import { Waiting } from "../ui/Waiting";
import { allChosen, allOf, type Chosen, toggled } from "./selection";
import { filtered, type ListState, SIZES, sorted } from "./state";
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
  readonly empty: ReactNode;
}

export function ListView<T>(props: Props<T>) {
  const { title, query, state, idOf, bulk } = props;
  const [chosen, setChosen] = useState<Chosen<T>>(new Map());
  const rows = query.data?.list ?? [];
  const total = query.data?.totalCount ?? rows.length;
  return (
    <section aria-label={title}>
      <Title headingLevel="h1">{title}</Title>
      {props.about && <p>{props.about}</p>}
      <Tools {...props} total={total} />
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
      {query.data && rows.length === 0 && (
        <Nothing filtered={Object.keys(state.filters).length > 0} {...props} />
      )}
      {rows.length > 0 && (
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

function Tools<T>({
  filters,
  state,
  onState,
  actions,
  total,
}: Props<T> & { readonly total: number }) {
  return (
    <Toolbar clearAllFilters={() => onState((now) => ({ ...now, filters: {}, page: 1 }))}>
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
        <ToolbarGroup>{actions}</ToolbarGroup>
        <ToolbarItem variant="pagination" align={{ default: "alignEnd" }}>
          <Pagination
            itemCount={total}
            page={state.page}
            perPage={state.size}
            perPageOptions={SIZES.map((value) => ({ title: String(value), value }))}
            onSetPage={(_event, page) => onState((now) => ({ ...now, page }))}
            onPerPageSelect={(_event, size) => onState((now) => ({ ...now, size, page: 1 }))}
            isCompact
          />
        </ToolbarItem>
      </ToolbarContent>
    </Toolbar>
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
            {columns.map((column) => (
              <Td key={column.title} dataLabel={column.title} modifier="breakWord">
                {column.cell(row)}
              </Td>
            ))}
          </Tr>
        ))}
      </Tbody>
    </Table>
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
  filtered: narrowed,
  state,
  onState,
  empty,
}: Props<T> & { readonly filtered: boolean }) {
  if (state.page > 1)
    return (
      <EmptyState headingLevel="h2" titleText="The list ends before this page">
        <EmptyStateBody>
          <Button variant="link" onClick={() => onState((now) => ({ ...now, page: 1 }))}>
            Go to its beginning
          </Button>
        </EmptyStateBody>
      </EmptyState>
    );
  if (!narrowed) return <>{empty}</>;
  return (
    <EmptyState headingLevel="h2" titleText="Nothing fits these filters">
      <EmptyStateBody>
        <Button variant="link" onClick={() => onState((now) => ({ ...now, filters: {}, page: 1 }))}>
          Take the filters away
        </Button>
      </EmptyStateBody>
    </EmptyState>
  );
}
