/** An app of the marketplace, the images that it needs, and its copy in the tenant. */
import { jobName } from "../jobs/names";
import { whole } from "./bundle";

interface Entry {
  readonly id?: string;
  readonly name?: string;
}
interface Copy extends Entry {
  readonly parentDetail?: { readonly idOfParentObject?: string };
}

/** The id of the copy that the tenant has of it, whatever it is called there. */
export const copyOf = (entry: Entry, own: readonly Copy[]): string | undefined =>
  own.find((one) => entry.id !== undefined && one.parentDetail?.idOfParentObject === entry.id)?.id;

/** The body of `PUT /v1/jobs/apps/bundles/import`. */
export const importOf = (entry: Entry, at: Date) => ({
  jobName: jobName(`import-${entry.name}`, at),
  bundleImport: { bundleConfig: [{ name: entry.name, parentBundleId: entry.id }] },
});

interface Drive {
  readonly imagename?: string;
  readonly imageformat?: string;
}
interface Image {
  readonly imageRelUrl?: string;
  readonly imageVersion?: string;
}

/** An image that an entry names: `repository:tag` of a container, or the file of a disk. */
export interface Needed {
  readonly reference: string;
  readonly format: string;
}

/** What somebody says of one: which bytes it is, and of a disk how many. */
export interface Said {
  readonly sha256: string;
  readonly bytes: string;
}

export const isContainer = (one: Needed) => one.format === "CONTAINER";

/** Those that the tenant has none for yet; a blank disk needs none. */
export function neededImages(drives: readonly Drive[], own: readonly Image[]): readonly Needed[] {
  const formats = new Map(
    drives.flatMap((one) =>
      one.imagename ? [[one.imagename, one.imageformat ?? ""] as const] : [],
    ),
  );
  return [...formats]
    .filter(([reference]) => !own.some((image) => isOf(reference, image)))
    .map(([reference, format]) => ({ reference, format }));
}

/** Whether an image is what an entry names, as the import decides it. */
export function isOf(reference: string, image: Image): boolean {
  const place = image.imageRelUrl ?? "";
  const [repository, tag] = atLast(reference, ":");
  if (tag === undefined) return atLast(place, "/").at(-1) === reference;
  const before = place.split("@")[0] ?? "";
  return image.imageVersion === tag && (atLast(before, ":")[0] || before) === repository;
}

/** Before and behind the last of these characters; all of it where there is none. */
function atLast(text: string, character: string): readonly [string, string?] {
  const at = text.lastIndexOf(character);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** The body of `POST /v1/apps/images`, named after its bytes.  Throws for what is no digest or size. */
export function imageOf(entry: Entry, needed: Needed, said: Said, place: Place) {
  const sha256 = said.sha256
    .trim()
    .toLowerCase()
    .replace(/^sha256:/, "");
  const container = isContainer(needed);
  if (!/^[0-9a-f]{64}$/.test(sha256) && !(container && sha256 === ""))
    throw new Error(`${needed.reference}: a sha256 has 64 hexadecimal digits`);
  const [, tag] = atLast(needed.reference, ":");
  const name = `${entry.name}-${sha256.slice(0, 12) || tag || "latest"}`;
  return {
    name: name.replace(/[^A-Za-z0-9_.-]/g, "-"),
    title: `${entry.name} ${needed.reference}`,
    datastoreIdList: [place.datastore],
    imageType: "IMAGE_TYPE_APPLICATION",
    imageFormat: needed.format,
    imageArch: place.arch,
    imageRelUrl: needed.reference,
    ...(tag !== undefined && { imageVersion: tag }),
    ...(sha256 && { imageSha256: sha256 }),
    ...(!container && { imageSizeBytes: String(whole(said.bytes, "its bytes")) }),
  };
}

/** Where its images are, and for which machines. */
export interface Place {
  readonly datastore: string;
  readonly arch: string;
}
