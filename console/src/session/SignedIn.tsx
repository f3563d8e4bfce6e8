/** Where a provider of identities sends the browser back to; on to the overview, or the reason. */
import { Button } from "@patternfly/react-core";
import { useEffect, useState } from "react";
import { useNavigate } from "react-router";
import { Problem } from "../ui/Problem";
import { Waiting } from "../ui/Waiting";
import { comeBack } from "./provider";
import { keep } from "./Session";
import { next } from "./steps";

export function SignedIn() {
  const navigate = useNavigate();
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    const params = new URLSearchParams(location.search);
    history.replaceState(null, "", location.pathname); // no code stays in the address
    if (!params.has("state")) return;
    comeBack(params)
      .then((answer) => {
        const step = next(answer);
        if (step?.at !== "in") throw new Error(answer.message ?? "the controller let nobody in");
        keep(step.held);
        navigate("/", { replace: true });
      })
      .catch(setError);
  }, [navigate]);
  return (
    <main className="eaves-sign-in">
      {error === undefined ? (
        <Waiting what="the session" />
      ) : (
        <div>
          <Problem error={error} />
          <Button onClick={() => navigate("/", { replace: true })}>Sign in</Button>
        </div>
      )}
    </main>
  );
}
