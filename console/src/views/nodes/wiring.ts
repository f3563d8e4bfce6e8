/** What is connected to what on a node: ports, network instances, apps; places for a picture too. */

export interface Port {
  readonly ifName?: string;
  readonly up?: boolean;
  readonly uplink?: boolean;
}

export interface NetworkInstance {
  readonly id?: string;
  readonly name?: string;
  readonly port?: string;
}

export interface Instance {
  readonly id?: string;
  readonly name?: string;
  readonly interfaces?: readonly {
    readonly netinstid?: string;
    readonly netinstname?: string;
    readonly directattach?: boolean;
    readonly intfname?: string;
    readonly io?: { readonly name?: string };
  }[];
}

export type Column = "port" | "network" | "app";

export interface Box {
  readonly key: string;
  readonly column: Column;
  readonly name: string;
  /** What it hangs on, by key: a network instance on ports, an app on network instances. */
  readonly on: readonly string[];
}

const UPLINK = "uplink"; // the label of every port that leads out

export function wiring(
  ports: readonly Port[],
  networks: readonly NetworkInstance[],
  apps: readonly Instance[],
): readonly Box[] {
  const known = ports.map((one) => one.ifName ?? "").filter(Boolean);
  const uplinks = ports.flatMap((one) => (one.uplink && one.ifName ? [one.ifName] : []));
  const of = (port: string) => (port === UPLINK && uplinks.length > 0 ? uplinks : [port]);
  const asked = networks.flatMap((one) => (one.port ? of(one.port) : []));
  const names = [...new Set([...known, ...asked, ...apps.flatMap(adaptersOf)])];
  return [
    ...names.map((name) => box("port", name, name, [])),
    ...networks.map((one) =>
      box("network", one.id ?? "", one.name ?? "", one.port ? keys("port", of(one.port)) : []),
    ),
    ...apps.map((one) =>
      box("app", one.id ?? "", one.name ?? "", [
        ...keys("network", networksOf(one, networks)),
        ...keys("port", adaptersOf(one)),
      ]),
    ),
  ];
}

const box = (column: Column, id: string, name: string, on: readonly string[]): Box => ({
  key: `${column} ${id}`,
  column,
  name,
  on: [...new Set(on)],
});

const keys = (column: Column, ids: readonly string[]) => ids.map((id) => `${column} ${id}`);

function networksOf(app: Instance, networks: readonly NetworkInstance[]): readonly string[] {
  return (app.interfaces ?? []).flatMap((one) => {
    const found = networks.find((each) =>
      one.netinstid ? each.id === one.netinstid : each.name === one.netinstname && !!each.name,
    );
    return found?.id ? [found.id] : [];
  });
}

/** Adapters that the app holds itself. */
function adaptersOf(app: Instance): readonly string[] {
  return (app.interfaces ?? []).flatMap((one) =>
    one.directattach && one.io?.name ? [one.io.name] : [],
  );
}

export const WIDTH = 720;
const BOX = { width: 190, height: 34 };
const STEP = 46;
const LEFT: Readonly<Record<Column, number>> = { port: 4, network: 265, app: 526 };
const LONGEST = 22; // characters that a box has room for

export interface Placed extends Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly label: string;
}

export interface Picture {
  readonly boxes: readonly Placed[];
  readonly lines: readonly { readonly key: string; readonly path: string }[];
  readonly height: number;
}

/** Each column from above; a line from the right of what carries to the left of what hangs on it. */
export function picture(boxes: readonly Box[]): Picture {
  const filled: Record<Column, number> = { port: 0, network: 0, app: 0 };
  const placed = boxes.map((one): Placed => {
    const y = 4 + STEP * filled[one.column];
    filled[one.column] += 1;
    return { ...one, ...BOX, x: LEFT[one.column], y, label: shortened(one.name) };
  });
  const found = new Map(placed.map((one) => [one.key, one]));
  const lines = placed.flatMap((to) =>
    to.on.flatMap((key) => {
      const from = found.get(key);
      return from ? [{ key: `${key} ${to.key}`, path: between(from, to) }] : [];
    }),
  );
  return { boxes: placed, lines, height: Math.max(...Object.values(filled), 1) * STEP };
}

function between(from: Placed, to: Placed): string {
  const [x, y] = [from.x + from.width, from.y + from.height / 2];
  const [toX, toY] = [to.x, to.y + to.height / 2];
  const half = (x + toX) / 2;
  return `M${x} ${y}C${half} ${y} ${half} ${toY} ${toX} ${toY}`;
}

function shortened(name: string): string {
  const letters = [...name];
  return letters.length > LONGEST ? `${letters.slice(0, LONGEST - 1).join("")}…` : name;
}
