import { describe, expect, it } from "vitest";
import { codeBody, next } from "./steps";

const TOKEN = { base64: "t", expires: "1700000000" };

describe("an answer to a login", () => {
  it("that has a token is the way in", () => {
    expect(next({ token: TOKEN })).toEqual({
      at: "in",
      held: { token: "t", expires: 1_700_000_000_000 },
    });
  });
  it("asks for a code, with the secret where an app has to be enrolled", () => {
    const totp = { enrolment: { URL: "otpauth://x", Secret: "S" } };
    expect(next({ tempToken: TOKEN, totp })).toEqual({
      at: "code",
      temporary: "t",
      secret: "S",
      url: "otpauth://x",
    });
    expect(next({ tempToken: TOKEN, totp: { enrolled: true } })).toMatchObject({ secret: "" });
  });
  it("asks for another password", () => {
    expect(next({ tempToken: TOKEN, message: "too old" })).toEqual({
      at: "change",
      temporary: "t",
      why: "too old",
    });
  });
  it("shows recovery codes once, before it goes on", () => {
    expect(next({ token: TOKEN, recoveryCodes: ["a", "b"] })).toMatchObject({
      at: "recovery",
      codes: ["a", "b"],
      after: { at: "in" },
    });
  });
  it("may be nothing that we know", () => expect(next({ cause: "OK" })).toBeUndefined());
});

describe("what is typed as a code", () => {
  it("is one of the app when it is digits", () => {
    expect(codeBody(" 123 456 ")).toEqual({ code: "123456" });
  });
  it("is a recovery code otherwise", () => {
    expect(codeBody("abcd-efgh ")).toEqual({ recoveryCode: "abcd-efgh" });
  });
});
