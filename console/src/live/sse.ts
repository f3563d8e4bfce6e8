/** Server-sent events as text, read piece by piece; the specification is that of HTML. */

export interface Message {
  readonly name: string;
  readonly data: string;
}

export class Reader {
  /** What to send as Last-Event-ID when the stream breaks. */
  place = "";
  #rest = "";
  #name = "";
  #data: string[] = [];

  constructor(place = "") {
    this.place = place;
  }

  /** The messages that a piece of text completes; a piece may end anywhere. */
  take(text: string): Message[] {
    const found: Message[] = [];
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const message = this.#line(line.endsWith("\r") ? line.slice(0, -1) : line);
      if (message) found.push(message);
    }
    return found;
  }

  #line(line: string): Message | undefined {
    if (line === "") return this.#end();
    const colon = line.indexOf(":");
    if (colon === 0) return undefined; // a comment: the stream lives
    const member = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (member === "id") this.place = value;
    else if (member === "event") this.#name = value;
    else if (member === "data") this.#data.push(value);
    return undefined;
  }

  #end(): Message | undefined {
    const message = { name: this.#name || "message", data: this.#data.join("\n") };
    const empty = this.#data.length === 0;
    this.#name = "";
    this.#data = [];
    return empty ? undefined : message;
  }
}
