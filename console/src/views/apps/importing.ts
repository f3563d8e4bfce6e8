/** An app of the marketplace becomes one of the tenant: first its images, then a copy of it. */
import type { Api } from "../../api/client";
import type { Listed } from "../../api/types";
import { untilEnded } from "../jobs/ended";
import { imageOf, importOf, type Needed, type Place, type Said } from "./shelf";

interface Entry {
  readonly id?: string;
  readonly name?: string;
}

/** What somebody says of the images that the tenant has none for yet. */
export interface Given {
  readonly place: Partial<Place>;
  readonly images: readonly { readonly needed: Needed; readonly said: Said }[];
}

export const NOTHING_SAID: Given = { place: {}, images: [] };

/** Ends when it is done; what an attempt before made is taken as it is.  Throws why it is not. */
export async function importEntry(api: Api, entry: Entry, given: Given): Promise<void> {
  const { datastore, arch = "AMD64" } = given.place;
  if (given.images.length > 0 && !datastore)
    throw new Error(`choose the datastore that has the images of ${entry.name}`);
  const place = { datastore: datastore ?? "", arch };
  const bodies = given.images.map(({ needed, said }) => imageOf(entry, needed, said, place));
  for (const body of bodies) await imageMade(api, body);
  const made = await api.put("/v1/jobs/apps/bundles/import", { body: importOf(entry, new Date()) });
  if (made.jobId) await untilEnded(api, made.jobId);
}

async function imageMade(api: Api, body: ReturnType<typeof imageOf>): Promise<void> {
  const { name } = body;
  const found = await api.getOwn<Listed<Entry>>("/v1/apps/images", {
    query: { namePattern: name, "next.pageSize": 100 },
  });
  const id = found.list?.find((one) => one.name === name)?.id;
  const image = id ?? (await api.post("/v1/apps/images", { body })).objectId;
  if (image) await api.put("/v1/apps/images/id/{id}/uplink", { params: { id: image } });
}
