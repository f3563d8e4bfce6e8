import { describe, expect, it } from "vitest";
import { Reader } from "./sse";

describe("a stream of text", () => {
  it("may be cut anywhere", () => {
    const whole = 'id: 7\nevent: event\ndata: {"a":1}\n\n: alive\nid: 9\n\n';
    for (let cut = 0; cut <= whole.length; cut += 1) {
      const reader = new Reader();
      const found = [...reader.take(whole.slice(0, cut)), ...reader.take(whole.slice(cut))];
      expect(found).toEqual([{ name: "event", data: '{"a":1}' }]);
      expect(reader.place).toBe("9");
    }
  });
  it("keeps its place over a break, and joins lines of data", () => {
    const reader = new Reader("5");
    expect(reader.take("data: a\r\ndata: b\r\n\r\n")).toEqual([{ name: "message", data: "a\nb" }]);
    expect(reader.place).toBe("5");
  });
});
