/** What an empty tenant is led to, and how far it is. */

export interface Step {
  readonly title: string;
  readonly to: string;
  readonly about: string;
  readonly standing: "done" | "next" | "later";
  /** A node that is played will do. */
  readonly simulated?: boolean;
}

interface Have {
  readonly models: boolean;
  readonly projects: boolean;
  readonly nodes: boolean;
  readonly netinsts: boolean;
  /** The id of an app, where there is one. */
  readonly app: string | undefined;
}

/** In their order; the first that is not done is next. */
export function stepsOf({ models, projects, nodes, netinsts, app }: Have): readonly Step[] {
  const steps: readonly (Omit<Step, "standing"> & { readonly done: boolean })[] = [
    {
      title: "A hardware model",
      to: "/library/models",
      about: "What kind of machine it is: one of the catalogue, or one of your own.",
      done: models,
    },
    {
      title: "A project with its network",
      to: "/projects",
      about: "Where nodes and apps live, and what their policies are.",
      done: projects,
    },
    {
      title: "A node: its record, then its onboarding folder or installer image",
      to: "/nodes?new=1",
      about: "The page of the record makes the folder or the image that the machine starts from.",
      done: nodes,
      simulated: true,
    },
    {
      title: "A network instance on it for its apps",
      to: "/library/netinsts",
      about: "What its apps are connected to; or a policy of the project makes one on each node.",
      done: netinsts,
    },
    {
      title: "An app from the marketplace",
      to: "/marketplace",
      about:
        "Deploy on a card imports the app, and asks for its nodes; its image comes from a registry, which is made under Datastores.",
      done: app !== undefined,
    },
    {
      title: "An instance of it on your node",
      to: app === undefined ? "/apps" : `/apps/${app}/deploy`,
      about: "What would come of it is told, node by node, before anything is done.",
      done: false,
    },
  ];
  const next = steps.findIndex((one) => !one.done);
  return steps.map(({ done, ...step }, index) => ({
    ...step,
    standing: done ? "done" : index === next ? "next" : "later",
  }));
}
