import { describe, expect, it } from "vitest";
import {
  asked,
  changedAt,
  counted,
  filtered,
  filteredAt,
  readState,
  sorted,
  turned,
  writeState,
} from "./state";

const read = (text: string) => readState(new URLSearchParams(text), ["namePattern", "runState"]);

describe("the address of a list", () => {
  it.each(["", "namePattern=a%26b", "runState=ONLINE&sort=name%3Adesc&page=3&size=100"])(
    "says all of it: %s",
    (text) => expect(writeState(read(text)).toString()).toBe(text),
  );
  it("keeps to what there is", () => {
    const state = read("page=-1&size=7&other=x&sort=");
    expect(state).toEqual({ filters: {}, sort: undefined, page: 1, size: 50 });
    expect(read("page=1e9999").page).toBe(1);
  });
  it("cuts text that nobody typed", () => {
    expect(read(`namePattern=${"x".repeat(5000)}`).filters.namePattern).toHaveLength(1000);
  });
});

describe("another filter or order", () => {
  it("begins at the first page", () => {
    const third = read("page=3&runState=ONLINE");
    expect(filtered(third, "namePattern", "a")).toMatchObject({ page: 1 });
    expect(filtered(third, "runState", "").filters).toEqual({});
    expect(sorted(third, "name").page).toBe(1);
  });
  it("goes up, down, and back", () => {
    const up = sorted(read(""), "name");
    const down = sorted(up, "name");
    expect([up.sort?.down, down.sort?.down, sorted(down, "name").sort]).toEqual([
      false,
      true,
      undefined,
    ]);
  });
});

describe("a change before the one before is rendered", () => {
  const names = ["namePattern", "runState"];
  it("leaves the other filter of a list", () => {
    const one = changedAt("?sort=name:asc&page=3", names, (now) =>
      filtered(now, "namePattern", "a"),
    );
    const both = changedAt(`?${one}`, names, (now) => filtered(now, "runState", "ONLINE"));
    expect(read(both.toString())).toEqual({
      filters: { namePattern: "a", runState: "ONLINE" },
      sort: { by: "name", down: false },
      page: 1,
      size: 50,
    });
  });
  it("leaves the other filter of a page that is no such list", () => {
    const one = filteredAt("", "search", "a&b");
    const both = filteredAt(`?${one}`, "user", "eve");
    expect(both.toString()).toBe("search=a%26b&user=eve");
    expect(filteredAt(`?${both}`, "search", "").toString()).toBe("user=eve");
  });
});

describe("a filter that holds unless it is taken away", () => {
  const usual = { open: "true" };
  const names = ["open", "severity"];
  const at = (text: string) => readState(new URLSearchParams(text), names, usual);
  it.each(["", "open=false", "open=", "severity=ERROR", "open=&severity=ERROR"])(
    "is said where it is otherwise: %s",
    (text) =>
      expect([...writeState(at(text), usual)].sort()).toEqual([...new URLSearchParams(text)]),
  );
  it("holds at first, and is gone once it was taken away", () => {
    expect(at("").filters).toEqual({ open: "true" });
    const without = changedAt("", names, (now) => filtered(now, "open", ""), usual);
    expect(at(without.toString()).filters).toEqual({});
  });
});

describe("a list whose rows nobody counts", () => {
  const shown = { list: [1, 2], next: { pageToken: "7" } };
  const third = read("page=3&size=20&from=9");
  it("goes on behind the row that was the last, whatever came before the first meanwhile", () => {
    const next = turned(third, 4, shown);
    expect(asked(next)).toMatchObject({ "next.pageNum": 4, "next.pageToken": "7" });
    expect(read(writeState(next).toString())).toEqual(next);
  });
  it.each([
    ["back", turned(third, 2, shown)],
    ["ahead by more than one", turned(third, 5, shown)],
    ["on in one that is counted", turned(third, 4, { ...shown, totalCount: 99 })],
    ["before anything is shown", turned(third, 4)],
    ["to another filter", filtered(third, "namePattern", "a")],
    ["to another order", sorted(third, "name")],
  ])("turns pages by their numbers: %s", (_way, state) => {
    expect(asked(state)).not.toHaveProperty("next.pageToken");
    expect(writeState(state).has("from")).toBe(false);
  });
  it.each([
    [undefined, shown],
    [42, { list: [1, 2], next: { pageToken: "" } }],
    [99, { ...shown, totalCount: 99 }],
    [0, { list: [] }],
    [0, undefined],
  ])("ends where the last page does: %s", (total, told) => {
    expect(counted(third, told)).toBe(total);
  });
});

it("asks as the API has it", () => {
  expect(asked(read("runState=ONLINE&sort=name:desc&page=2"))).toEqual({
    runState: "ONLINE",
    "next.pageSize": 50,
    "next.pageNum": 2,
    "next.orderBy": "name:desc",
  });
});
