/** The shapes of the contract by the names that this page uses; `schema.d.ts` is generated. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Cursor = Schemas["Cursor"];
export type Summary = Schemas["Summary"];
export type Written = Schemas["ZsrvResponse"];
export type NodeRow = Schemas["deviceStatusConfig"];
export type NodeRows = Schemas["DeviceStatusConfigList"];
export type NodeStatus = Schemas["DeviceStatusMsg"];
export type NodeConfig = Schemas["DeviceConfig"];
export type AppRow = Schemas["appInstConfigStatus"];
export type AppStatus = Schemas["AppInstStatusMsg"];
export type Bundle = Schemas["App"];
export type BundleRow = Schemas["AppSummary"];
export type Project = Schemas["Tag"];
export type Job = Schemas["JobConfig"];
export type Role = Schemas["Role"];
export type RoleScope = Schemas["Scope"];
export type User = Schemas["DetailedUser"];
export type Enterprise = Schemas["Enterprise"];
export type EventRow = Schemas["EventQueryResponseItem"] & { readonly id?: string };

/** Any list of the contract: rows, where the next page begins, how many there are. */
export interface Listed<T> {
  readonly list?: readonly T[];
  readonly next?: Cursor;
  readonly totalCount?: number;
  readonly summaryByState?: Summary;
}
