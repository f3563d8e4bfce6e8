import { expect, it } from "vitest";
import { filesOf, pathOf } from "./folder";

const HERE = { deviceServer: "c.example:8443", rootCertificatePem: "ROOT" };

it("has the files that the node reads", () => {
  const onboarding = { pemCert: "CERT", pemKey: "KEY" };
  expect(filesOf({ name: "n", serialno: "s-1", onboarding }, HERE)).toEqual([
    { name: "server", text: "c.example:8443\n" },
    { name: "root-certificate.pem", text: "ROOT" },
    { name: "onboard.cert.pem", text: "CERT" },
    { name: "onboard.key.pem", text: "KEY" },
    { name: "soft_serial", text: "s-1\n" },
  ]);
});

it("says so when there is no key", () => {
  expect(() => filesOf({ name: "n" }, HERE)).toThrow("node n");
});

it("follows a link of this controller to where the page came from", () => {
  expect(pathOf("https://inside:9443/api/v1/ext/installer-images/a-b_c")).toBe(
    "/api/v1/ext/installer-images/a-b_c",
  );
});
