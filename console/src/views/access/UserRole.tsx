import { useRead } from "../../api/useRead";

/** The name of a role; asked for once for all rows that have it. */
export function UserRole({ id }: { readonly id: string | undefined }) {
  const role = useRead("/v1/roles/id/{id}", { params: { id: id ?? "" }, enabled: Boolean(id) });
  return <bdi>{role.data?.name ?? ""}</bdi>;
}
