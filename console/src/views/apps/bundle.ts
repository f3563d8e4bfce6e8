/** A bundle from what somebody says about an app in a form; all else of it is changed as text. */

export interface AppForm {
  readonly name: string;
  readonly image: { readonly name?: string; readonly imageFormat?: string };
  readonly cpus: string;
  readonly memoryMiB: string;
  /** Where the app listens, and where the node answers for it; empty: nothing reaches it. */
  readonly appPort: string;
  readonly nodePort: string;
}

const ANYWHERE = { type: "ip", value: "0.0.0.0/0" };

/** The body of `POST /v1/apps`.  Throws for what is no number. */
export function bundleOf(form: AppForm) {
  const format = form.image.imageFormat ?? "CONTAINER";
  const container = format === "CONTAINER";
  const image = { imagename: form.image.name, imageformat: format, drvtype: "HDD", target: "Disk" };
  const cpus = whole(form.cpus, "processors");
  const memory = whole(form.memoryMiB, "memory") * 1024;
  return {
    name: form.name,
    title: form.name,
    manifestJSON: {
      name: form.name,
      acKind: container ? "PodManifest" : "VMManifest",
      acVersion: "1.2.0",
      appType: container ? "APP_TYPE_CONTAINER" : "APP_TYPE_VM",
      deploymentType: "DEPLOYMENT_TYPE_STAND_ALONE",
      vmmode: container ? "HV_NOHYPER" : "HV_HVM",
      images: [image],
      interfaces: [{ name: "eth0", acls: [{ name: "out", matches: [ANYWHERE] }, ...ports(form)] }],
      resources: [
        { name: "cpus", value: String(cpus) },
        { name: "memory", value: String(memory) }, // KiB
      ],
    },
  };
}

function ports({ appPort, nodePort }: AppForm) {
  if (!appPort && !nodePort) return [];
  const to = whole(appPort || nodePort, "the port of the app");
  const at = whole(nodePort || appPort, "the port of the node");
  return [portRule("tcp", at, to)];
}

/** What comes to this port of the node goes to that port of the app. */
export function portRule(protocol: string, at: number, to: number) {
  const matches = [
    ANYWHERE,
    { type: "protocol", value: protocol },
    { type: "lport", value: String(at) },
  ];
  return { name: "port", matches, actions: [{ portmap: true, portmapto: { appPort: to } }] };
}

/** Throws for what is no whole number above zero. */
export function whole(text: string, what: string): number {
  if (!/^[1-9]\d*$/.test(text.trim()))
    throw new Error(`${what}: ${text || "nothing"} is no number`);
  return Number(text);
}
