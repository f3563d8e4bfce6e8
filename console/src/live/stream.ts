/** The stream of events of this tab: held while it is open, taken up where it broke, else polled. */
import { call, Refused } from "../api/call";
import type { StreamEvent } from "../api/own";
import { Reader } from "./sse";

const PATH = "/v1/ext/stream";
const SILENT_MS = 40_000; // more than two heartbeats of the controller
const POLL_MS = 5_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;

export type Standing = "live" | "polling" | "away";

export interface Told {
  readonly events: (events: readonly StreamEvent[]) => void;
  /** Something came, or may have, that is not told: what was asked before is to be read anew. */
  readonly missed: () => void;
  readonly standing: (standing: Standing) => void;
}

/** How long to wait before the next try: longer each time, and never all tabs at one moment. */
export function wait(failures: number, random: () => number): number {
  const most = Math.min(FIRST_WAIT_MS * 2 ** failures, LONGEST_WAIT_MS);
  return most / 2 + (most / 2) * random();
}

/** Runs until `signal`; never throws. */
export async function follow(token: string, told: Told, signal: AbortSignal): Promise<void> {
  let failures = 0;
  let place = "";
  while (!signal.aborted) {
    const reader = new Reader(place);
    try {
      await hold(token, reader, told, signal, () => {
        failures = 0;
      });
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refused && error.status === 401) return told.standing("away");
      if (error instanceof Refused && (error.status === 429 || error.status === 503)) {
        place = await poll(token, reader.place, told, signal);
        continue;
      }
      told.standing("away");
    }
    place = reader.place;
    await pause(wait(failures, Math.random), signal);
    failures += 1;
  }
}

async function hold(
  token: string,
  reader: Reader,
  told: Told,
  signal: AbortSignal,
  opened: () => void,
): Promise<void> {
  const silence = new AbortController();
  const both = AbortSignal.any([signal, silence.signal]);
  let timer = setTimeout(() => silence.abort(), SILENT_MS);
  try {
    const headers: Record<string, string> = {
      Accept: "text/event-stream",
      Authorization: `Bearer ${token}`,
    };
    if (reader.place) headers["Last-Event-ID"] = reader.place;
    const answer = await fetch(`/api${PATH}`, { headers, signal: both, cache: "no-store" });
    if (!answer.ok || !answer.body) throw new Refused(answer.status, [], "", undefined);
    told.standing("live");
    if (!reader.place) told.missed(); // it tells what comes from here on, and not what came before
    opened();
    const pieces = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await pieces.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENT_MS);
      tell(reader, value, told);
    }
  } finally {
    clearTimeout(timer);
  }
}

function tell(reader: Reader, text: string, told: Told): void {
  const events: StreamEvent[] = [];
  for (const message of reader.take(text)) {
    if (message.name === "event") events.push(JSON.parse(message.data) as StreamEvent);
    else if (message.name === "missed" || message.name === "ended") told.missed(); // rights may be others
  }
  if (events.length > 0) told.events(events);
}

interface Polled {
  readonly id: string;
  readonly missed: boolean;
  readonly list: readonly StreamEvent[];
}

/** For a while, until a stream may be tried again; the place where that goes on. */
async function poll(
  token: string,
  after: string,
  told: Told,
  signal: AbortSignal,
): Promise<string> {
  let place = after;
  told.standing("polling");
  for (let turn = 0; turn < LONGEST_WAIT_MS / POLL_MS && !signal.aborted; turn += 1) {
    try {
      const query = { after: place };
      const answer = await call<Polled>({ method: "GET", path: PATH, token, query, signal });
      if (answer.missed || !place) told.missed();
      place = answer.id;
      if (answer.list.length > 0) told.events(answer.list);
    } catch {
      told.standing("away"); // whatever it was: the next turn asks again
    }
    await pause(POLL_MS, signal);
  }
  return place;
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        done();
      },
      { once: true },
    );
  });
}
