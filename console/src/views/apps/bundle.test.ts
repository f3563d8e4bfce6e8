import { describe, expect, it } from "vitest";
import { type AppForm, bundleOf } from "./bundle";

const FORM: AppForm = {
  name: "web",
  image: { name: "nginx", imageFormat: "CONTAINER" },
  cpus: "1",
  memoryMiB: "64",
  appPort: "80",
  nodePort: "8080",
};

describe("a form", () => {
  it("becomes the manifest of a container whose port is mapped", () => {
    const { manifestJSON } = bundleOf(FORM);
    expect(manifestJSON.appType).toBe("APP_TYPE_CONTAINER");
    expect(manifestJSON.resources).toContainEqual({ name: "memory", value: "65536" });
    const [, port] = manifestJSON.interfaces[0]?.acls ?? [];
    expect(port).toMatchObject({
      matches: [{}, { value: "tcp" }, { type: "lport", value: "8080" }],
      actions: [{ portmap: true, portmapto: { appPort: 80 } }],
    });
  });
  it("becomes that of a virtual machine from a disk", () => {
    const { manifestJSON } = bundleOf({ ...FORM, image: { name: "disk", imageFormat: "QCOW2" } });
    expect(manifestJSON).toMatchObject({ acKind: "VMManifest", vmmode: "HV_HVM" });
  });
  it("maps no port where none is given, and the same where one is", () => {
    const rules = (more: Partial<AppForm>) =>
      bundleOf({ ...FORM, ...more }).manifestJSON.interfaces[0]?.acls ?? [];
    expect(rules({ appPort: "", nodePort: "" })).toHaveLength(1);
    expect(rules({ nodePort: "" })[1]).toMatchObject({ matches: [{}, {}, { value: "80" }] });
  });
  it.each(["", "one", "-1", "1.5"])("refuses %s processors", (cpus) => {
    expect(() => bundleOf({ ...FORM, cpus })).toThrow("processors");
  });
});
