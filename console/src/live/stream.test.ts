import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { follow, wait } from "./stream";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("waits longer after each failure, up to a bound, and never the same everywhere", () => {
  expect(wait(0, () => 0)).toBe(500);
  expect(wait(0, () => 1)).toBe(1000);
  expect(wait(3, () => 1)).toBe(8000);
  expect(wait(50, () => 1)).toBe(30_000);
});

/** What a page is told by a controller that answers so, the last answer being the end of it. */
async function toldBy(...answers: readonly Response[]): Promise<readonly string[]> {
  const told: string[] = [];
  const end = new AbortController();
  const left = [...answers];
  vi.stubGlobal("fetch", async (path: string, { headers }: { headers: Record<string, string> }) => {
    const from = headers["Last-Event-ID"] ?? "";
    told.push(from ? `asked from ${from}` : `asked ${path.replace("/api/v1/ext/stream", "")}`);
    const answer = left.shift();
    if (left.length === 0) end.abort();
    return answer;
  });
  const listening = {
    events: (events: readonly object[]) => told.push(`${events.length} events`),
    missed: () => told.push("missed"),
    standing: (standing: string) => told.push(standing),
  };
  let over = false;
  const following = follow("token", listening, end.signal).then(() => {
    over = true;
  });
  while (!over) await vi.advanceTimersByTimeAsync(1000); // nobody waits here
  await following;
  return told;
}

const stream = (text: string) => new Response(text);
const hello = "id: 7\nevent: hello\ndata: {}\n\n";

describe("what came before a stream was open", () => {
  it("is read anew, once: a stream that breaks goes on where it was", async () => {
    const told = await toldBy(stream(hello), stream("id: 9\nevent: event\ndata: {}\n\n"));
    expect(told).toEqual(["asked ", "live", "missed", "asked from 7", "live", "1 events"]);
  });
  it("is read anew as long as no place is known", async () => {
    const told = await toldBy(stream(""), stream(hello));
    expect(told).toEqual(["asked ", "live", "missed", "asked ", "live", "missed"]);
  });
  it("is read anew as well where the page has to ask now and then", async () => {
    const said = (id: string) => Response.json({ id, missed: false, list: [] });
    const told = await toldBy(new Response("", { status: 429 }), said("7"), said("8"));
    expect(told).toEqual(["asked ", "polling", "asked ", "missed", "asked ?after=7"]);
  });
});
