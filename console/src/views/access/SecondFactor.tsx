/** One's own second factor: added with the password and a first code, taken away with both. */
import { Alert, ClipboardCopy, Content, Title } from "@patternfly/react-core";
import { useState } from "react";
import { useSession } from "../../session/Session";
import { codeBody } from "../../session/steps";
import { Ask } from "../../ui/Ask";
import { Field } from "../../ui/Field";

interface Enrolment {
  readonly URL?: string;
  readonly Secret?: string;
}

export function SecondFactor() {
  const { api, user } = useSession();
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [enrolment, setEnrolment] = useState<Enrolment>();
  const [codes, setCodes] = useState<readonly string[]>([]);
  const begin = async () => {
    setEnrolment(
      await api.postOwn<Enrolment>("/v1/eaves/totp", { body: { currentCred: password } }),
    );
    setPassword("");
  };
  const confirm = async () => {
    const told = await api.postOwn<{ readonly recoveryCodes?: readonly string[] }>(
      "/v1/eaves/totp/confirm",
      { body: codeBody(code) },
    );
    setCodes(told.recoveryCodes ?? []);
    setEnrolment(undefined);
    setCode("");
  };
  const remove = async () => {
    await api.remove("/v1/eaves/totp", { body: { currentCred: password, ...codeBody(code) } });
    setPassword("");
    setCode("");
  };
  const secret = (
    <Field label="Your password" value={password} onChange={setPassword} required secret />
  );
  const digits = <Field label="Code of the app" value={code} onChange={setCode} required />;
  return (
    <section aria-label="Second factor">
      <Title headingLevel="h2">Second factor</Title>
      {user?.totpEnabled && (
        <Ask name="Take the second factor away" work={remove}>
          {secret}
          {digits}
        </Ask>
      )}
      {!user?.totpEnabled && !enrolment && (
        <Ask name="Add a second factor" work={begin}>
          {secret}
        </Ask>
      )}
      {enrolment && (
        <Alert isInline variant="info" title="Add this key to an authenticator app, time-based">
          <ClipboardCopy isReadOnly hoverTip="Copy" clickTip="Copied">
            {enrolment.Secret ?? ""}
          </ClipboardCopy>
          <Ask name="Confirm with a code" work={confirm}>
            {digits}
          </Ask>
        </Alert>
      )}
      {codes.length > 0 && (
        <Alert
          isInline
          variant="success"
          title="Keep these codes: each opens once, when the app is lost"
        >
          <Content component="pre">{codes.join("\n")}</Content>
        </Alert>
      )}
    </section>
  );
}
