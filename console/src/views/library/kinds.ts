/** What the library holds: one table of kinds, one list and one page for all of them. */
import type { PathOf } from "../../api/client";
import type { Area } from "../../rights/rights";

export interface Ref {
  readonly label: string;
  readonly path: PathOf<"get">;
  readonly member: string;
  /** The member is a list; the one that is chosen is all of it. */
  readonly many?: boolean;
}

const PROJECT: Ref = { label: "Project", path: "/v1/projects", member: "projectId" };
const NODE: Ref = { label: "Node", path: "/v1/devices", member: "deviceId" };

export interface Kind {
  readonly noun: string;
  readonly title: string;
  /** What they are for, to who has none yet. */
  readonly about: string;
  readonly path: PathOf<"get"> & PathOf<"post">;
  readonly one: PathOf<"get"> & PathOf<"put"> & PathOf<"delete">;
  readonly area: Area;
  /** The list that has what a row shows, where that of the objects alone has it not. */
  readonly list?: PathOf<"get">;
  /** Members that a row shows beside its name. */
  readonly columns: readonly (readonly [title: string, member: string])[];
  /** Members of a new one that hold the id of another object, which is chosen by its name. */
  readonly refs?: readonly Ref[];
  /** A new one, as text to begin with. */
  readonly template: Readonly<Record<string, unknown>>;
}

export const KINDS: Readonly<Record<string, Kind>> = {
  networks: {
    noun: "Network",
    title: "Networks",
    about:
      "How ports of nodes reach the world: by DHCP or fixed addresses, with a proxy or without.",
    path: "/v1/networks",
    one: "/v1/networks/id/{id}",
    area: "accessDevice",
    columns: [
      ["Kind", "kind"],
      ["Title", "title"],
    ],
    template: {
      name: "uplink",
      title: "Uplink",
      kind: "NETWORK_KIND_V4",
      projectId: "",
      ip: { dhcp: "NETWORK_DHCP_TYPE_CLIENT", dns: [] },
    },
    refs: [PROJECT],
  },
  netinsts: {
    noun: "Network instance",
    title: "Network instances",
    about:
      "What the apps of a node are connected to. A policy of a project makes one for each of its nodes.",
    path: "/v1/netinsts",
    one: "/v1/netinsts/id/{id}",
    area: "accessDevice",
    list: "/v1/netinsts/status",
    columns: [
      ["Kind", "kind"],
      ["State", "runState"],
      ["Port", "uplinkIntf"],
      ["Node", "deviceName"],
    ],
    template: {
      name: "local",
      title: "Local",
      kind: "NETWORK_INSTANCE_KIND_LOCAL",
      type: "NETWORK_INSTANCE_DHCP_TYPE_V4",
      port: "eth0",
      deviceId: "",
      deviceDefault: true,
    },
    refs: [NODE],
  },
  volumes: {
    noun: "Volume",
    title: "Volumes",
    about: "Disks that outlive the app that uses them.",
    path: "/v1/volumes/instances",
    one: "/v1/volumes/instances/id/{id}",
    area: "accessDevice",
    list: "/v1/volumes/instances/status",
    columns: [
      ["Kind", "type"],
      ["State", "runState"],
      ["Node", "deviceName"],
    ],
    template: {
      name: "data",
      title: "Data",
      type: "VOLUME_INSTANCE_TYPE_EMPTYDIR",
      accessmode: "VOLUME_INSTANCE_ACCESS_MODE_READWRITE",
      sizeBytes: "1073741824",
      deviceId: "",
    },
    refs: [NODE],
  },
  datastores: {
    noun: "Datastore",
    title: "Datastores",
    about: "Where images are fetched from: a registry, a web server, S3.",
    path: "/v1/datastores",
    one: "/v1/datastores/id/{id}",
    area: "accessStorage",
    columns: [
      ["Kind", "dsType"],
      ["Host", "dsFQDN"],
      ["State", "dsStatus"],
    ],
    template: {
      name: "registry",
      title: "Registry",
      dsType: "DATASTORE_TYPE_CONTAINERREGISTRY",
      dsFQDN: "docker://docker.io",
      dsPath: "",
    },
  },
  images: {
    noun: "Image",
    title: "Images",
    about: "What apps and nodes run; each lies in a datastore.",
    path: "/v1/apps/images",
    one: "/v1/apps/images/id/{id}",
    area: "accessStorage",
    columns: [
      ["Format", "imageFormat"],
      ["State", "imageStatus"],
      ["Architecture", "imageArch"],
    ],
    template: {
      name: "image",
      title: "Image",
      datastoreIdList: [],
      imageArch: "AMD64",
      imageFormat: "CONTAINER",
      imageType: "IMAGE_TYPE_APPLICATION",
      imageRelUrl: "",
    },
    refs: [{ label: "Datastore", path: "/v1/datastores", member: "datastoreIdList", many: true }],
  },
  patches: {
    noun: "Patch envelope",
    title: "Patch envelopes",
    about: "Files for apps that change without an update of the app.",
    path: "/v1/patch-envelope",
    one: "/v1/patch-envelope/id/{id}",
    area: "accessAppInstance",
    columns: [
      ["Version", "userDefinedVersion"],
      ["Action", "action"],
    ],
    template: {
      name: "rules",
      title: "Rules",
      projectId: "",
      action: "PATCH_ENVELOPE_ACTION_STORE",
      userDefinedVersion: "1",
      artifacts: [
        {
          format: "OpaqueObjectCategoryInline",
          base64Artifact: { base64Data: "e30=", fileNameToUse: "rules.json" },
        },
      ],
    },
    refs: [PROJECT],
  },
  brands: {
    noun: "Brand",
    title: "Brands",
    about: "Who makes the hardware; models name it.",
    path: "/v1/brands",
    one: "/v1/brands/id/{id}",
    area: "accessDevice",
    columns: [["Title", "title"]],
    template: { name: "brand", title: "Brand", originType: "ORIGIN_LOCAL" },
  },
  roles: {
    noun: "Role",
    title: "Roles",
    about: "What somebody may do, and in which projects.",
    path: "/v1/roles",
    one: "/v1/roles/id/{id}",
    area: "accessUser",
    columns: [
      ["Kind", "type"],
      ["Title", "title"],
    ],
    template: {
      name: "role",
      title: "Role",
      type: "USER_ROLE_USER_DEFINED",
      scopes: [{ accessDevice: "PermissionAccessRead", projectFilter: [] }],
    },
  },
  "auth-profiles": {
    noun: "Authorization profile",
    title: "Ways to sign in",
    about: "Providers of identities at which people sign in, by OpenID Connect.",
    path: "/v1/authorization/profiles",
    one: "/v1/authorization/profiles/id/{id}",
    area: "accessUser",
    columns: [
      ["Kind", "profileType"],
      ["Active", "active"],
    ],
    template: {
      name: "provider",
      title: "Provider",
      type: "AUTH_TYPE_OAUTH",
      profileType: "AUTH_PROFILE_TYPE_OAUTH_CUSTOM",
      active: false,
      defaultRoleId: "",
      oauthProfile: {
        OIDCEndPoint: "https://login.example.com",
        clientID: "eaves",
        clientSecret: "",
        roleScope: "roles",
        jwtAuthProfile: { alg: "RS256" },
      },
    },
    refs: [{ label: "Role of who signs in", path: "/v1/roles", member: "defaultRoleId" }],
  },
  "alert-rules": {
    noun: "Alert rule",
    title: "Alert rules",
    about: "What is watched; what a rule sees stands under Alerts.",
    path: "/v1/eaves/alert-rules",
    one: "/v1/eaves/alert-rules/id/{id}",
    area: "accessDevice",
    columns: [
      ["Condition", "condition"],
      ["Severity", "severity"],
    ],
    template: {
      name: "node-offline",
      title: "Node offline",
      condition: "ALERT_CONDITION_NODE_OFFLINE",
      severity: "SEVERITY_ERROR",
      holdSeconds: 300,
      channels: [],
    },
  },
  "alert-channels": {
    noun: "Alert channel",
    title: "Alert channels",
    about: "Who is told of alerts: people by mail, programs by webhook.",
    path: "/v1/eaves/alert-channels",
    one: "/v1/eaves/alert-channels/id/{id}",
    area: "accessDevice",
    columns: [
      ["Kind", "type"],
      ["Title", "title"],
    ],
    template: {
      name: "on-call",
      title: "On call",
      type: "ALERT_CHANNEL_TYPE_MAIL",
      mail: { to: [] },
    },
  },
  models: {
    noun: "Model",
    title: "Models",
    about: "What kinds of machines there are, and which ports they have; the catalogue has many.",
    path: "/v1/sysmodels",
    one: "/v1/sysmodels/id/{id}",
    area: "accessDevice",
    columns: [
      ["Architecture", "type"],
      ["Title", "title"],
      ["Origin", "originType"],
    ],
    template: {
      name: "model",
      title: "Model",
      type: "AMD64",
      state: "SYS_MODEL_STATE_ACTIVE",
      brandId: "",
      originType: "ORIGIN_LOCAL",
      attr: {},
      ioMemberList: [],
    },
    refs: [{ label: "Brand", path: "/v1/brands", member: "brandId" }],
  },
};
