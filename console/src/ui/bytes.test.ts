import { expect, it } from "vitest";
import { bytes } from "./bytes";

it.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1536, "1.5 KiB"],
  [150 * 1024 * 1024, "150 MiB"],
  [2 ** 60, "1048576 TiB"],
])("%s bytes are %s", (count, text) => expect(bytes(count)).toBe(text));
