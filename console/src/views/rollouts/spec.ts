/** A roll-out from what somebody says about it in a form; all else it can be asked by its text. */

export type Operation = "BULK_SERVICE_BASEOS_UPDATE" | "BULK_SERVICE_APPINSTANCE_REFRESH";

export interface SpecForm {
  readonly operation: Operation;
  readonly name: string;
  readonly project: string; // its id
  /** Of an OS: the image; of an app: the bundle whose newest version its instances come to. */
  readonly image: { readonly id?: string; readonly name?: string } | undefined;
  readonly version: string;
  readonly app: string;
  readonly tags: string;
  readonly waves: string;
  readonly threshold: string;
  readonly minutes: string;
}

export const FIRST_SPEC = {
  name: "",
  project: "",
  image: undefined,
  version: "",
  app: "",
  tags: "",
  waves: "2, 20",
  threshold: "95",
  minutes: "60",
} as const;

/** The body of `POST /v1/eaves/rollouts`.  Throws for what is not as it has to be. */
export function specOf(form: SpecForm) {
  const common = {
    name: form.name,
    operationType: form.operation,
    selector: tagsOf(form.tags),
    waves: wavesOf(form.waves),
    successThreshold: number(form.threshold, "how many have to succeed", 0, 100),
    deadlineSeconds: 60 * number(form.minutes, "the minutes", 1, 30 * 24 * 60),
  };
  if (form.operation === "BULK_SERVICE_APPINSTANCE_REFRESH") {
    if (!form.app) throw new Error("choose an app that there is");
    const selectionCriteria = {
      bundleId: form.app,
      ...(form.project && { projectId: form.project }),
    };
    return { ...common, selectionCriteria };
  }
  if (!form.image?.id) throw new Error("choose an image of a base OS");
  if (!form.project) throw new Error("choose a project that there is");
  const image = { uuid: form.image.id, imageName: form.image.name, version: form.version };
  return {
    ...common,
    selectionCriteria: { projectId: form.project },
    baseosUpdate: { baseimage: { ...image, activate: true } },
  };
}

/** `region=north, tier=canary` as tags.  Throws for what is no such pair. */
export function tagsOf(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    parts(text).map((one) => {
      const [name = "", ...value] = one.split("=");
      if (!name.trim() || value.length === 0)
        throw new Error(`tag ${one} has no value; write it as NAME=VALUE`);
      return [name.trim(), value.join("=").trim()];
    }),
  );
}

/** `2, 20` as two waves of these shares, and a last one of all others. */
function wavesOf(text: string) {
  const shares = parts(text).map((one) => number(one, "a wave", 0, 100));
  if (shares.reduce((sum, one) => sum + one, 0) > 100)
    throw new Error(`the waves ${text} are more than 100 % together`);
  return [...shares.map((share) => ({ share })), {}];
}

const parts = (text: string): readonly string[] =>
  text
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean);

function number(text: string, what: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= least && value <= most))
    throw new Error(`${what}: ${text || "nothing"} is no number from ${least} to ${most}`);
  return value;
}
