/** What stands around every view: where one is, where one can go, who one is. */
import {
  Button,
  Label,
  Masthead,
  MastheadBrand,
  MastheadContent,
  MastheadMain,
  MastheadToggle,
  Nav,
  NavGroup,
  NavItem,
  Page,
  PageSection,
  PageSidebar,
  PageSidebarBody,
  PageToggleButton,
  SkipToContent,
} from "@patternfly/react-core";
import {
  BarsIcon,
  MoonIcon,
  QuestionCircleIcon,
  SearchIcon,
  SunIcon,
} from "@patternfly/react-icons";
import { lazy, Suspense, useEffect, useState } from "react";
import { Link, Outlet, useLocation, useNavigate } from "react-router";
import { useStanding } from "../live/Live";
import { useSession } from "../session/Session";
import { Waiting } from "../ui/Waiting";
import { Apart } from "./Apart";
import { idle } from "./ahead";
import { Going } from "./Going";
import { loadHelp, loadPalette, loadWho } from "./parts";
import { PLACES, placeOf, visible } from "./places";
import { isDark, setDark } from "./theme";
import { useKeys } from "./useKeys";

const Palette = lazy(async () => ({ default: await loadPalette() }));
const Help = lazy(async () => ({ default: await loadHelp() }));
const Who = lazy(async () => ({ default: await loadWho() }));

const MAIN = "main";
const MOVED = { live: "Live", polling: "Every 5 s", away: "Not live" } as const;

export function Shell() {
  const [open, setOpen] = useState<"palette" | "help" | undefined>();
  const { pathname } = useLocation();
  const navigate = useNavigate();
  const place = placeOf(pathname);
  const going = useKeys((done) => {
    if (open !== undefined) return; // it is on its way, or has the keys itself
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
      <Apart key={open}>
        <Suspense fallback={null}>
          {open === "palette" && <Palette onClose={() => setOpen(undefined)} />}
          {open === "help" && <Help onClose={() => setOpen(undefined)} />}
        </Suspense>
      </Apart>
    </Page>
  );
}

function SignOut() {
  const { signOut } = useSession();
  return (
    <Button variant="plain" onClick={() => void signOut()}>
      Sign out
    </Button>
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
  const rested = useRested();
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
        <div className="eaves-tools">
          <Label color={standing === "live" ? "green" : "grey"} isCompact aria-live="polite">
            {MOVED[standing]}
          </Label>
          <span>
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
          </span>
          {rested && (
            <Apart instead={<SignOut />}>
              <Suspense fallback={null}>
                <Who />
              </Suspense>
            </Apart>
          )}
        </div>
      </MastheadContent>
    </Masthead>
  );
}

/** Whether the page has had nothing to do since this was shown: the view comes before it. */
function useRested(): boolean {
  const [rested, setRested] = useState(false);
  useEffect(() => {
    let there = true;
    void idle().then(() => there && setRested(true));
    return () => {
      there = false;
    };
  }, []);
  return rested;
}
