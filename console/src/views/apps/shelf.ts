/** An app of the marketplace, and its copy in the tenant. */
import { jobName } from "../jobs/names";

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
