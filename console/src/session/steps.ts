/** The way into a session: a password, perhaps a code, perhaps a new password. */
import type { SignedIn } from "../api/own";
import type { Held } from "./vault";

export type Step =
  | { readonly at: "password" }
  | {
      readonly at: "code";
      readonly temporary: string;
      readonly secret: string;
      readonly url: string;
    }
  | { readonly at: "recovery"; readonly codes: readonly string[]; readonly after: Step }
  | { readonly at: "change"; readonly temporary: string; readonly why: string }
  | { readonly at: "in"; readonly held: Held };

export const FIRST: Step = { at: "password" };

/** What an answer to a login asks for next; undefined for one that is of no kind we know. */
export function next(answer: SignedIn): Step | undefined {
  const step = afterCodes(answer);
  const codes = answer.recoveryCodes ?? [];
  return step && codes.length > 0 ? { at: "recovery", codes, after: step } : step;
}

function afterCodes(answer: SignedIn): Step | undefined {
  const token = answer.token?.base64;
  if (token) {
    return { at: "in", held: { token, expires: Number(answer.token?.expires ?? 0) * 1000 } };
  }
  const temporary = answer.tempToken?.base64;
  if (!temporary) return undefined;
  if (answer.totp) {
    const { enrolment } = answer.totp;
    return { at: "code", temporary, secret: enrolment?.Secret ?? "", url: enrolment?.URL ?? "" };
  }
  return { at: "change", temporary, why: answer.message ?? "this password must be changed" };
}

/** Up to nine digits are a code of the app, anything else a recovery code; spaces are for people. */
export function codeBody(text: string): { code: string } | { recoveryCode: string } {
  const plain = text.replace(/\s+/g, "");
  return /^\d{1,9}$/.test(plain) ? { code: plain } : { recoveryCode: plain };
}
