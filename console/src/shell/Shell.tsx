/** What stands around every view: where one is, where one can go, who one is. */
import {
  Button,
  Dropdown,
  DropdownItem,
  DropdownList,
  Label,
  Masthead,
  MastheadBrand,
  MastheadContent,
  MastheadMain,
  MastheadToggle,
  MenuToggle,
  Nav,
  NavGroup,
  NavItem,
  Page,
  PageSection,
  PageSidebar,
  PageSidebarBody,
  PageToggleButton,
  SkipToContent,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from "@patternfly/react-core";
import {
  BarsIcon,
  MoonIcon,
  QuestionCircleIcon,
  SearchIcon,
  SunIcon,
} from "@patternfly/react-icons";
import { Suspense, useEffect, useState } from "react";
import { Link, Outlet, useLocation, useNavigate } from "react-router";
import { useStanding } from "../live/Live";
import { useSession } from "../session/Session";
import { Waiting } from "../ui/Waiting";
import { Going, Help } from "./Help";
import { Palette } from "./Palette";
import { PLACES, placeOf, visible } from "./places";
import { isDark, setDark } from "./theme";
import { useKeys } from "./useKeys";

const MAIN = "main";
const MOVED = { live: "Live", polling: "Every 5 s", away: "Not live" } as const;

export function Shell() {
  const [open, setOpen] = useState<"palette" | "help" | undefined>();
  const { pathname } = useLocation();
  const navigate = useNavigate();
  const place = placeOf(pathname);
  const going = useKeys((done) => {
    if (done.kind === "palette" || done.kind === "help") setOpen(done.kind);
    else if (done.kind === "filter") {
      document
        .querySelector<HTMLInputElement>(`#${MAIN} input[type=search], #${MAIN} input[type=text]`)
        ?.focus();
    } else if (done.kind === "go") {
      const to = PLACES.find((one) => one.key === done.key);
      if (to) navigate(to.path);
    }
  });
  useEffect(() => {
    document.title = place ? `${place.title} – Eaves` : "Eaves";
  }, [place]);
  return (
    <Page
      isManagedSidebar
      mainContainerId={MAIN}
      skipToContent={<SkipToContent href={`#${MAIN}`}>Skip to content</SkipToContent>}
      masthead={<Top onPalette={() => setOpen("palette")} onHelp={() => setOpen("help")} />}
      sidebar={<Side path={place?.path} />}
    >
      <PageSection isFilled>
        <Suspense fallback={<Waiting what={place?.title ?? "this page"} />}>
          <Outlet />
        </Suspense>
      </PageSection>
      {going && <Going />}
      {open === "palette" && <Palette onClose={() => setOpen(undefined)} />}
      {open === "help" && <Help onClose={() => setOpen(undefined)} />}
    </Page>
  );
}

function Side({ path }: { readonly path: string | undefined }) {
  const { may } = useSession();
  useEffect(() => {
    const current = path === undefined ? null : document.querySelector("nav [aria-current=page]");
    current?.scrollIntoView({ block: "nearest" });
  }, [path]);
  return (
    <PageSidebar>
      <PageSidebarBody>
        <Nav aria-label="Pages">
          {visible((area) => may(area, "Read")).map((group) => (
            <NavGroup key={group.title} title={group.title}>
              {group.places.map((one) => (
                <NavItem key={one.path} isActive={one.path === path}>
                  <Link to={one.path} aria-current={one.path === path ? "page" : undefined}>
                    {one.title}
                  </Link>
                </NavItem>
              ))}
            </NavGroup>
          ))}
        </Nav>
      </PageSidebarBody>
    </PageSidebar>
  );
}

function Top({
  onPalette,
  onHelp,
}: {
  readonly onPalette: () => void;
  readonly onHelp: () => void;
}) {
  const standing = useStanding();
  const [dark, setShown] = useState(isDark);
  const turn = () => {
    setDark(!dark);
    setShown(!dark);
  };
  return (
    <Masthead>
      <MastheadMain>
        <MastheadToggle>
          <PageToggleButton variant="plain" aria-label="Navigation">
            <BarsIcon />
          </PageToggleButton>
        </MastheadToggle>
        <MastheadBrand>
          <Link to="/" className="eaves-brand" aria-label="Eaves">
            <img src="/eaves.svg" alt="" width="28" height="28" />{" "}
            <span className="eaves-brand-name">Eaves</span>
          </Link>
        </MastheadBrand>
      </MastheadMain>
      <MastheadContent>
        <Toolbar isStatic aria-label="This console">
          <ToolbarContent>
            <ToolbarItem align={{ default: "alignEnd" }} alignSelf="center">
              <Label color={standing === "live" ? "green" : "grey"} isCompact aria-live="polite">
                {MOVED[standing]}
              </Label>
            </ToolbarItem>
            <ToolbarItem>
              <Button
                variant="plain"
                aria-label="Go to (Ctrl+K)"
                icon={<SearchIcon />}
                onClick={onPalette}
              />
              <Button
                variant="plain"
                aria-label={dark ? "Light colours" : "Dark colours"}
                icon={dark ? <SunIcon /> : <MoonIcon />}
                onClick={turn}
              />
              <Button
                className="eaves-keys"
                variant="plain"
                aria-label="Keys (?)"
                icon={<QuestionCircleIcon />}
                onClick={onHelp}
              />
            </ToolbarItem>
            <ToolbarItem>
              <Who />
            </ToolbarItem>
          </ToolbarContent>
        </Toolbar>
      </MastheadContent>
    </Masthead>
  );
}

function Who() {
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
