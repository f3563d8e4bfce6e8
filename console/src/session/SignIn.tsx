/** Signing in: one question at a time, each answered with the reason when it is refused. */
import {
  ActionGroup,
  Alert,
  Button,
  Card,
  CardBody,
  CardTitle,
  ClipboardCopy,
  Content,
  ExpandableSection,
  Form,
  FormGroup,
  TextInput,
} from "@patternfly/react-core";
import { type FormEvent, type ReactNode, useState } from "react";
import { call } from "../api/call";
import type { SignedIn } from "../api/own";
import { Problem } from "../ui/Problem";
import { goToProvider } from "./provider";
import { codeBody, FIRST, next, type Step } from "./steps";
import type { Held } from "./vault";

interface Props {
  readonly onHeld: (held: Held) => void;
}

export function SignIn({ onHeld }: Props) {
  const [step, setStep] = useState<Step>(FIRST);
  const [user, setUser] = useState("");
  const [error, setError] = useState<unknown>();
  const go = (to: Step) => {
    setError(undefined);
    if (to.at === "in") onHeld(to.held);
    else setStep(to);
  };
  const ask = async (work: () => Promise<SignedIn>) => {
    try {
      const answer = await work();
      const to = next(answer);
      if (!to)
        throw new Error(answer.message ?? "the controller let nobody in, and gave no reason");
      go(to);
    } catch (failed) {
      setError(failed);
    }
  };
  return (
    <main className="eaves-sign-in">
      <Card isLarge>
        <CardTitle component="h1">
          <span className="eaves-brand">
            <img src="/eaves.svg" alt="" width="28" height="28" /> Eaves
          </span>
        </CardTitle>
        <CardBody>
          {error !== undefined && <Problem error={error} />}
          {step.at === "password" && <Password user={user} setUser={setUser} ask={ask} />}
          {step.at === "password" && <Elsewhere user={user} onError={setError} />}
          {step.at === "code" && <Code step={step} ask={ask} back={() => go(FIRST)} />}
          {step.at === "change" && <Change step={step} user={user} ask={ask} />}
          {step.at === "recovery" && <Recovery step={step} go={go} />}
        </CardBody>
      </Card>
    </main>
  );
}

type Ask = (work: () => Promise<SignedIn>) => Promise<void>;

function Password({
  user,
  setUser,
  ask,
}: {
  readonly user: string;
  readonly setUser: (user: string) => void;
  readonly ask: Ask;
}) {
  const [password, setPassword] = useState("");
  const body = { usernameAtRealm: user, password };
  return (
    <Question
      go="Sign in"
      ask={() => ask(() => call<SignedIn>({ method: "POST", path: "/v1/login", body }))}
    >
      <Field label="User" value={user} onChange={setUser} complete="username" first />
      <Field
        label="Password"
        value={password}
        onChange={setPassword}
        complete="current-password"
        secret
      />
    </Question>
  );
}

/** For whose enterprise has a provider of identities; the name of one finds it. */
function Elsewhere({
  user,
  onError,
}: {
  readonly user: string;
  readonly onError: (error: unknown) => void;
}) {
  const [enterprise, setEnterprise] = useState("");
  const [open, setOpen] = useState(false);
  return (
    <ExpandableSection
      toggleText="Sign in at a provider of identities"
      isExpanded={open}
      onToggle={(_event, on) => setOpen(on)}
    >
      <Question
        go="Go to the provider"
        ask={() => goToProvider(user, enterprise).catch((error: unknown) => onError(error))}
      >
        <Field
          label="Enterprise"
          value={enterprise}
          onChange={setEnterprise}
          complete="organization"
          optional
        />
      </Question>
    </ExpandableSection>
  );
}

function Code({
  step,
  ask,
  back,
}: {
  readonly step: Extract<Step, { at: "code" }>;
  readonly ask: Ask;
  readonly back: () => void;
}) {
  const [text, setText] = useState("");
  const body = { tempToken: step.temporary, ...codeBody(text) };
  return (
    <Question
      go="Go on"
      back={back}
      ask={() => ask(() => call<SignedIn>({ method: "POST", path: "/v1/eaves/login/totp", body }))}
    >
      {step.secret && (
        <Alert isInline variant="info" title="This controller asks for a second factor">
          <Content component="p">Add this key to an authenticator app, time-based:</Content>
          <ClipboardCopy isReadOnly hoverTip="Copy" clickTip="Copied">
            {step.secret}
          </ClipboardCopy>
        </Alert>
      )}
      <Field
        label="Code of the app, or a recovery code"
        value={text}
        onChange={setText}
        complete="one-time-code"
        first
      />
    </Question>
  );
}

function Change({
  step,
  user,
  ask,
}: {
  readonly step: Extract<Step, { at: "change" }>;
  readonly user: string;
  readonly ask: Ask;
}) {
  const [old, setOld] = useState("");
  const [fresh, setFresh] = useState("");
  const [again, setAgain] = useState("");
  const change = async (): Promise<SignedIn> => {
    if (fresh !== again) throw new Error("the new passwords differ; type them again");
    await call({
      method: "PUT",
      path: "/v1/credentials",
      token: step.temporary,
      body: {
        type: "CREDENTIAL_TYPE_PASSWORD",
        owner: user,
        currentCred: old,
        newCred: fresh,
      },
    });
    const body = { usernameAtRealm: user, password: fresh };
    return call<SignedIn>({ method: "POST", path: "/v1/login", body });
  };
  return (
    <Question go="Change and sign in" ask={() => ask(change)}>
      <Content component="p">{step.why}</Content>
      <Field
        label="Password now"
        value={old}
        onChange={setOld}
        complete="current-password"
        secret
        first
      />
      <Field
        label="New password"
        value={fresh}
        onChange={setFresh}
        complete="new-password"
        secret
      />
      <Field
        label="New password again"
        value={again}
        onChange={setAgain}
        complete="new-password"
        secret
      />
    </Question>
  );
}

function Recovery({
  step,
  go,
}: {
  readonly step: Extract<Step, { at: "recovery" }>;
  readonly go: (to: Step) => void;
}) {
  return (
    <Question go="I have kept them" ask={async () => go(step.after)}>
      <Content component="p">
        Keep these codes where you find them when the app is lost. Each opens once, and they are
        shown this once.
      </Content>
      <ClipboardCopy
        isReadOnly
        isCode
        isExpanded
        variant="expansion"
        hoverTip="Copy"
        clickTip="Copied"
      >
        {step.codes.join("\n")}
      </ClipboardCopy>
    </Question>
  );
}

function Question({
  go,
  ask,
  back,
  children,
}: {
  readonly go: string;
  readonly ask: () => Promise<void>;
  readonly back?: () => void;
  readonly children: ReactNode;
}) {
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    await ask();
    setBusy(false);
  };
  return (
    <Form onSubmit={submit}>
      {children}
      <ActionGroup>
        <Button type="submit" isLoading={busy} isDisabled={busy}>
          {go}
        </Button>
        {back && (
          <Button variant="link" onClick={back}>
            Begin again
          </Button>
        )}
      </ActionGroup>
    </Form>
  );
}

function Field({
  label,
  value,
  onChange,
  complete,
  secret = false,
  first = false,
  optional = false,
}: {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly complete: string;
  readonly secret?: boolean;
  readonly first?: boolean;
  readonly optional?: boolean;
}) {
  const id = `sign-in-${label.toLowerCase().replace(/[^a-z]+/g, "-")}`;
  return (
    <FormGroup label={label} fieldId={id} isRequired={!optional}>
      <TextInput
        id={id}
        type={secret ? "password" : "text"}
        value={value}
        onChange={(_event, text) => onChange(text)}
        autoComplete={complete}
        isRequired={!optional}
        ref={first ? focused : undefined}
      />
    </FormGroup>
  );
}

/** What a form begins with takes the keyboard: there is nothing else on this page. */
const focused = (element: HTMLInputElement | null) => element?.focus();
