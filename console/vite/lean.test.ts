import postcss from "postcss";
import { expect, it } from "vitest";
import { certain, leave } from "./lean";

/** What is left of a sheet beside scripts that say this. */
function left(css: string, scripts: string): string {
  const sheet = postcss.parse(css);
  leave([sheet], scripts);
  return sheet.toString();
}

it.each([
  ["a part that is named", ".pf-v6-c-card{top:0}"],
  ["an element of it", ".pf-v6-c-card__title{top:0}"],
  ["a kind of it", ".pf-v6-c-card.pf-m-compact{top:0}"],
  ["what is not there", ":not(.pf-v6-c-other) .pf-v6-c-card{top:0}"],
  ["one of several", ":is(.pf-v6-c-other, p) a{top:0}"],
  ["what has no part", "h1,h2{top:0}"],
  ["a step of a motion", "@keyframes pf{from{top:0}to{top:1px}}"],
  ["a table that is a list on a phone", ".pf-m-grid-md.pf-v6-c-card{top:0}"],
  ["two columns where there is room", ".pf-v6-c-card.pf-m-2-col-on-md{top:0}"],
  ["what is not another look", ".pf-v6-c-card:not(.pf-m-docked){top:0}"],
])("keeps %s", (_what, css) => expect(left(css, '"pf-v6-c-card"')).toBe(css));

it.each([
  ["a part that nobody names", ".pf-v6-c-other{top:0}"],
  ["what needs such a part beside", ".pf-v6-c-card .pf-v6-c-other{top:0}"],
  ["what needs it in another word", ":where(.pf-v6-c-other) .pf-v6-c-card{top:0}"],
  ["what stands around it", "@media print{.pf-v6-c-other{top:0}}"],
  ["a theme that nobody can choose", ":root:where(.pf-v6-theme-glass){top:0}"],
  ["an item that differs by width", ".pf-v6-c-toolbar__item.pf-m-hidden-on-md{top:0}"],
  ["three columns at any width", ".pf-v6-c-card.pf-m-3-col-on-md{top:0}"],
  ["a table that is a list elsewhere", ".pf-m-grid-xl.pf-v6-c-card{top:0}"],
  ["a bar at the side", ".pf-v6-c-card.pf-m-docked a{top:0}"],
])("takes away %s", (_what, css) =>
  expect(left(css, '"pf-v6-c-card" "pf-v6-c-toolbar" "pf-v6-theme-glass"')).toBe(""),
);

it("leaves of a choice what fits", () => {
  expect(left(".pf-v6-c-card,.pf-v6-c-other{top:0}", "pf-v6-c-card")).toBe(".pf-v6-c-card{top:0}");
});

it("keeps a property that is read, by way of others as well, or named by a script", () => {
  const css = ":root{--a:1px;--b:var(--a);--c:2px;--d:var(--c);--e:3px}p{top:var(--b)}";
  expect(left(css, 'style.getPropertyValue("--e")')).toBe(
    ":root{--a:1px;--b:var(--a);--e:3px}p{top:var(--b)}",
  );
});

it("asks of a selector only what has to be there", () => {
  expect(certain("a:not(:where(.b)) :is(.c, .d) :where(.e)")).toBe("a :is :where .e");
});
