/** Text of a new object that refers to another one. */
import { isMap, parseDocument } from "yaml";
import type { Ref } from "./kinds";

/** The text with the id in its member; as it was, while it is no YAML. */
export function referring(text: string, ref: Pick<Ref, "member" | "many">, id: string): string {
  const document = parseDocument(text);
  if (document.errors.length > 0 || !isMap(document.contents)) return text;
  document.set(ref.member, ref.many ? [id] : id);
  return document.toString();
}
