import { describe, expect, it } from "vitest";
import type { Bundle } from "../../api/types";
import { formOf, type ManifestForm, withForm } from "./manifest";

const ALLOWED = { name: "out", matches: [{ type: "ip", value: "0.0.0.0/0" }] };
const MAPPED = {
  name: "http",
  matches: [
    { type: "ip", value: "10.0.0.0/8" },
    { type: "protocol", value: "tcp" },
    { type: "lport", value: "8080" },
  ],
  actions: [{ portmap: true, portmapto: { appPort: 80 } }],
};
const BUNDLE = {
  id: "1",
  name: "web",
  title: "Web",
  originType: "ORIGIN_LOCAL",
  manifestJSON: {
    acKind: "PodManifest",
    images: [{ imagename: "nginx", imageid: "i-1", imageformat: "CONTAINER", target: "Disk" }],
    interfaces: [{ name: "eth0", acls: [ALLOWED, MAPPED] }, { name: "eth1" }],
    resources: [
      { name: "cpus", value: "2" },
      { name: "memory", value: "65600" },
      { name: "storage", value: "7" },
    ],
  },
} as unknown as Bundle;
const FORM = formOf(BUNDLE);
const manifest = (form: Partial<ManifestForm>) =>
  withForm(BUNDLE, { ...FORM, ...form }).manifestJSON as unknown as Record<string, unknown>;

describe("the form of a manifest", () => {
  it("shows what it has fields for", () => {
    expect(FORM).toMatchObject({ title: "Web", cpus: "2", memoryMiB: "64.0625" });
    expect(FORM.images).toEqual([{ name: "nginx", format: "CONTAINER" }]);
    expect(FORM.interfaces).toEqual([
      { name: "eth0", ports: [{ from: 1, protocol: "tcp", nodePort: "8080", appPort: "80" }] },
      { name: "eth1", ports: [] },
    ]);
    expect(formOf({ name: "empty", title: "Empty", originType: "ORIGIN_LOCAL" })).toMatchObject({
      memoryMiB: "",
      images: [],
      interfaces: [],
    });
  });
  it("changes nothing by itself, not even an odd size of memory", () => {
    expect(withForm(BUNDLE, FORM)).toEqual(BUNDLE);
    const bare: Bundle = { name: "empty", title: "Empty", originType: "ORIGIN_LOCAL" };
    expect(withForm(bare, formOf(bare))).toEqual(bare);
  });
  it("changes sizes alone, among resources that it has no field for", () => {
    expect(manifest({ cpus: "4", memoryMiB: "128" }).resources).toEqual([
      { name: "cpus", value: "4" },
      { name: "memory", value: "131072" },
      { name: "storage", value: "7" },
    ]);
    expect(() => manifest({ cpus: "some" })).toThrow("processors: some is no number");
  });
  it("takes another image with its own format and no id of the old one", () => {
    const images = [{ name: "disk", format: "QCOW2" }];
    expect(manifest({ images }).images).toEqual([
      { imagename: "disk", imageid: "", imageformat: "QCOW2", target: "Disk" },
    ]);
  });
  it("moves, takes away and adds ports, and leaves every other rule in its place", () => {
    const [eth0, eth1] = FORM.interfaces;
    const [http] = eth0?.ports ?? [];
    if (!eth0 || !eth1 || !http) throw new Error("the form has both interfaces");
    const rules = (ports: (typeof eth0)["ports"]) =>
      (manifest({ interfaces: [{ ...eth0, ports }, eth1] }).interfaces as { acls?: unknown }[])[0]
        ?.acls;
    expect(rules([])).toEqual([ALLOWED]);
    expect(rules([{ ...http, nodePort: "9090" }])).toEqual([
      ALLOWED,
      {
        ...MAPPED,
        matches: [
          { type: "ip", value: "10.0.0.0/8" },
          { type: "protocol", value: "tcp" },
          { type: "lport", value: "9090" },
        ],
      },
    ]);
    const fresh = { from: undefined, protocol: "udp", nodePort: "53", appPort: "" };
    expect(rules([http, fresh])).toMatchObject([
      ALLOWED,
      MAPPED,
      {
        matches: [{}, { value: "udp" }, { value: "53" }],
        actions: [{ portmapto: { appPort: 53 } }],
      },
    ]);
  });
});
