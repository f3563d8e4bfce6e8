/** Who is signed in, in which tenant; what that person may do with the session. */
import { Dropdown, DropdownItem, DropdownList, MenuToggle } from "@patternfly/react-core";
import { useState } from "react";
import { useNavigate } from "react-router";
import { useSession } from "../session/Session";

export function Who() {
  const { user, enterprise, role, leave, signOut } = useSession();
  const [open, setOpen] = useState(false);
  const navigate = useNavigate();
  return (
    <Dropdown
      isOpen={open}
      onOpenChange={setOpen}
      popperProps={{ position: "right" }}
      onSelect={() => setOpen(false)}
      toggle={(ref) => (
        <MenuToggle
          className="eaves-who"
          ref={ref}
          isExpanded={open}
          onClick={() => setOpen(!open)}
        >
          <bdi>{user?.username ?? "…"}</bdi>
          <span className="eaves-tenant">
            {" · "}
            <bdi>{enterprise?.name ?? ""}</bdi>
          </span>
        </MenuToggle>
      )}
    >
      <DropdownList>
        <DropdownItem isDisabled description={role?.name}>
          Role
        </DropdownItem>
        <DropdownItem onClick={() => navigate("/tenants")}>Another tenant</DropdownItem>
        {leave && <DropdownItem onClick={leave}>Leave this tenant</DropdownItem>}
        <DropdownItem onClick={() => navigate("/tokens")}>Tokens and sessions</DropdownItem>
        <DropdownItem onClick={() => void signOut()}>Sign out</DropdownItem>
      </DropdownList>
    </Dropdown>
  );
}
