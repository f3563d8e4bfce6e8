import { expect, it } from "vitest";
import { base64url, challengeOf, readBegun } from "./provider";

it("makes a challenge as RFC 7636 has it", async () => {
  // the example of its appendix B
  expect(await challengeOf("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")).toBe(
    "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
  );
});

it("writes bytes without what an address would need to escape", () => {
  expect(base64url(new Uint8Array([251, 255, 190]))).toBe("-_--");
});

it("reads what was kept, and nothing else", () => {
  expect(readBegun('{"state":"s","verifier":"v"}')).toEqual({ state: "s", verifier: "v" });
  for (const text of [null, "", "null", '{"state":"s"}']) expect(readBegun(text)).toBeUndefined();
});
