/** The manifest of an app as a form shows it; what the form has no field for stays as it is. */
import type { Bundle } from "../../api/types";
import { portRule, whole } from "./bundle";

export interface PortForm {
  /** Which rule of its interface it is; undefined: a new one. */
  readonly from: number | undefined;
  readonly protocol: string;
  readonly nodePort: string;
  readonly appPort: string;
}

export interface InterfaceForm {
  readonly name: string;
  readonly ports: readonly PortForm[];
}

export interface ImageForm {
  readonly name: string;
  readonly format: string;
}

export interface ManifestForm {
  readonly title: string;
  readonly description: string;
  readonly version: string;
  readonly cpus: string;
  readonly memoryMiB: string;
  readonly images: readonly ImageForm[];
  readonly interfaces: readonly InterfaceForm[];
}

interface Match {
  readonly type?: string;
  readonly value?: string;
}
interface Rule {
  readonly matches?: readonly Match[];
  readonly actions?: readonly {
    readonly portmap?: boolean;
    readonly portmapto?: { readonly appPort?: number };
  }[];
}
interface Manifest {
  readonly images?: readonly {
    readonly imagename?: string;
    readonly imageid?: string;
    readonly imageformat?: string;
  }[];
  readonly interfaces?: readonly { readonly name?: string; readonly acls?: readonly Rule[] }[];
  readonly resources?: readonly { readonly name?: string; readonly value?: string }[];
}

const KIBIBYTES = 1024; // in a mebibyte; the manifest counts in the former

const manifestOf = (bundle: Bundle) => (bundle.manifestJSON ?? {}) as Manifest;

export function formOf(bundle: Bundle): ManifestForm {
  const manifest = manifestOf(bundle);
  const memory = resource(manifest, "memory");
  return {
    title: bundle.title,
    description: bundle.description ?? "",
    version: bundle.userDefinedVersion ?? "",
    cpus: resource(manifest, "cpus"),
    memoryMiB: memory === "" ? "" : String(Number(memory) / KIBIBYTES),
    images: (manifest.images ?? []).map((one) => ({
      name: one.imagename ?? "",
      format: one.imageformat ?? "",
    })),
    interfaces: (manifest.interfaces ?? []).map((one) => ({
      name: one.name ?? "",
      ports: (one.acls ?? []).flatMap((rule, from) => (isPort(rule) ? [portOf(rule, from)] : [])),
    })),
  };
}

/** The bundle with what the form says.  Throws for what is no number. */
export function withForm(bundle: Bundle, form: ManifestForm): Bundle {
  const manifest = manifestOf(bundle);
  const before = formOf(bundle);
  const resources: [name: string, value: string][] = [];
  if (form.cpus !== before.cpus)
    resources.push(["cpus", String(whole(form.cpus, "the processors"))]);
  if (form.memoryMiB !== before.memoryMiB)
    resources.push(["memory", String(whole(form.memoryMiB, "the memory") * KIBIBYTES)]);
  const changed = {
    ...manifest,
    ...(manifest.images && { images: manifest.images.map(imageBy(form, before)) }),
    ...(manifest.interfaces && {
      interfaces: manifest.interfaces.map((one, n) => ({
        ...one,
        ...rulesOf(one.acls, form.interfaces[n]),
      })),
    }),
    ...(resources.length > 0 && { resources: resources.reduce(put, manifest.resources ?? []) }),
  };
  return {
    ...bundle,
    title: form.title,
    ...(form.description !== before.description && { description: form.description }),
    ...(form.version !== before.version && { userDefinedVersion: form.version }),
    ...(bundle.manifestJSON && { manifestJSON: changed as NonNullable<Bundle["manifestJSON"]> }),
  };
}

const resource = (manifest: Manifest, name: string): string =>
  manifest.resources?.find((one) => one.name === name)?.value ?? "";

type Resources = NonNullable<Manifest["resources"]>;

function put(resources: Resources, [name, value]: readonly [string, string]): Resources {
  if (!resources.some((one) => one.name === name)) return [...resources, { name, value }];
  return resources.map((one) => (one.name === name ? { ...one, value } : one));
}

type Image = NonNullable<Manifest["images"]>[number];

/** Another image has an id and a format of its own. */
const imageBy = (form: ManifestForm, before: ManifestForm) => (one: Image, n: number) => {
  const wanted = form.images[n];
  if (!wanted || wanted.name === before.images[n]?.name) return one;
  return { ...one, imagename: wanted.name, imageid: "", imageformat: wanted.format };
};

const isPort = (rule: Rule) => rule.actions?.some((one) => one.portmap) ?? false;

const matchOf = (rule: Rule, type: string) =>
  rule.matches?.find((one) => one.type === type)?.value ?? "";

const portOf = (rule: Rule, from: number): PortForm => ({
  from,
  protocol: matchOf(rule, "protocol") || "tcp",
  nodePort: matchOf(rule, "lport"),
  appPort: String(rule.actions?.find((one) => one.portmap)?.portmapto?.appPort ?? ""),
});

/** All rules of an interface in their order: those that map no port as they were. */
function rulesOf(rules: readonly Rule[] | undefined, form: InterfaceForm | undefined) {
  if (!form || (!rules && form.ports.length === 0)) return {};
  const kept = (rules ?? []).flatMap((rule, from) => {
    if (!isPort(rule)) return [rule];
    const port = form.ports.find((one) => one.from === from);
    return port ? [changedRule(rule, port)] : [];
  });
  const fresh = form.ports.filter((one) => one.from === undefined).map((one) => mapped(one));
  return { acls: [...kept, ...fresh] };
}

const mapped = (port: PortForm) =>
  portRule(
    port.protocol,
    whole(port.nodePort, "a port of the node"),
    whole(port.appPort || port.nodePort, "a port of the app"),
  );

function changedRule(rule: Rule, port: PortForm): Rule {
  const before = portOf(rule, port.from ?? 0);
  if (JSON.stringify(before) === JSON.stringify(port)) return rule;
  const wanted = mapped(port);
  const others = (rule.matches ?? []).filter(
    (one) => one.type !== "protocol" && one.type !== "lport",
  );
  const own = wanted.matches.filter((one) => one.type === "protocol" || one.type === "lport");
  return { ...rule, matches: [...others, ...own], actions: wanted.actions };
}
