/** What a node starts from, as the command line writes it too. */

export interface Device {
  readonly name: string;
  readonly serialno?: string;
  readonly onboarding?: { readonly pemCert?: string; readonly pemKey?: string };
}

export interface Here {
  readonly deviceServer: string;
  readonly rootCertificatePem: string;
}

export interface File {
  readonly name: string;
  readonly text: string;
}

/** Of a link of this controller: by whichever name it is called, the page asks where it came from. */
export const pathOf = (link: string): string => new URL(link, "https://localhost").pathname;

export function filesOf(device: Device, here: Here): readonly File[] {
  const { pemCert, pemKey } = device.onboarding ?? {};
  if (!pemCert || !pemKey) {
    throw new Error(`the controller hands out no onboarding key for node ${device.name}`);
  }
  return [
    { name: "server", text: `${here.deviceServer}\n` },
    { name: "root-certificate.pem", text: here.rootCertificatePem },
    { name: "onboard.cert.pem", text: pemCert },
    { name: "onboard.key.pem", text: pemKey },
    ...(device.serialno ? [{ name: "soft_serial", text: `${device.serialno}\n` }] : []),
  ];
}
