/** Answers of Eaves' own operations (`/v1/eaves`, `/v1/ext`), which the contract does not describe. */

export interface Cause {
  readonly text: string;
  readonly what: string;
  readonly then: string;
  readonly since?: string;
}

/** `GET /v1/eaves/why/{kind}/{id}`: why something is not as asked for, down to a fact. */
export interface Why {
  readonly subject: string;
  readonly met: boolean;
  readonly chain: readonly Cause[];
  readonly evidence: readonly Cause[];
}

/** `GET /v1/eaves/incidents`. */
export interface Incident {
  readonly id: string;
  readonly open: boolean;
  readonly ruleId: string;
  readonly ruleName: string;
  readonly condition: string;
  readonly severity: string;
  readonly projectId: string;
  readonly deviceId: string;
  readonly deviceName: string;
  readonly objectKind: string;
  readonly objectId: string;
  readonly objectName: string;
  readonly text: string;
  readonly openedAt: string;
  readonly closedAt?: string;
  readonly closedWhy?: string;
  readonly acknowledged: boolean;
  readonly acknowledgedAt?: string;
  readonly acknowledgedBy?: string;
}

export interface Wave {
  readonly wave: number;
  readonly total: number;
  readonly waiting: number;
  readonly started: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly undone: number;
}

/** `GET /v1/eaves/rollouts`. */
export interface Rollout {
  readonly id: string;
  readonly name: string;
  readonly phase: string;
  readonly wave: number;
  readonly reasons: readonly string[];
  readonly user: string;
  readonly createdAt: string;
  readonly endedAt?: string;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly waves: readonly Wave[];
}

/** The first of a list; `more`: it goes on. */
export interface Part<T> {
  readonly list: readonly T[];
  readonly more: boolean;
}

interface OfProject {
  readonly id: string;
  readonly name: string;
  readonly projectName: string;
}

/** `GET /v1/ext/attention`: what may need a person now. */
export interface Attention {
  readonly rollouts: Part<{
    readonly id: string;
    readonly name: string;
    readonly phase: string;
    readonly wave: number;
    readonly reasons: readonly string[];
    readonly createdAt: string;
  }>;
  readonly incidents: Part<Incident>;
  readonly nodes: Part<OfProject & { readonly runState: string; readonly lastSeen?: string }>;
  readonly unattested: Part<
    OfProject & {
      readonly attestState: string;
      readonly detail: string;
      readonly attestedAt?: string;
    }
  >;
  readonly unclaimed: Part<{
    readonly serialno: string;
    readonly softSerial: string;
    readonly attempts: number;
    readonly firstAt: string;
  }>;
  /** How many nodes are in which run state; of all of them. */
  readonly states: Readonly<Record<string, number>>;
}

/** `GET /v1/ext/spread`: how many nodes; `more`: there are more than were counted. */
export interface Spreading {
  readonly versions: Readonly<Record<string, number>>;
  readonly attestation: Readonly<Record<string, number>>;
  /** What those have together that said what they have. */
  readonly capacity: {
    readonly nodes: number;
    readonly processors: number;
    readonly memoryMB: number;
    readonly storageMB: number;
  };
  readonly more: boolean;
}

/** `POST /v1/ext/authorization/profiles/id/{id}/test`: whether a sign-in there would work. */
export interface ProviderTried {
  readonly works: boolean;
  /** What the provider has to know. */
  readonly redirectUri: string;
  readonly checks: readonly {
    readonly check: "DISCOVERY" | "KEYS" | "CLIENT";
    readonly outcome: "PASSED" | "FAILED" | "UNCLEAR" | "NOT_TRIED";
    readonly text: string;
  }[];
}

export interface LogEvent {
  readonly number: number;
  readonly pcr: number;
  readonly type: string;
  readonly text: string;
  readonly proven: boolean;
}

/** `attestation` of `GET /v1/devices/id/{id}/attestation`. */
export interface Attestation {
  readonly state: string;
  readonly detail: string;
  readonly attestedAt?: string;
  readonly stale?: boolean;
  readonly enforced: boolean;
  readonly hadTpm: boolean;
  readonly blocked?: string;
  readonly quote?: {
    readonly at: string;
    readonly eveVersion: string;
    readonly firmwareVersion: string;
    readonly template: string;
    readonly differences: readonly string[];
    readonly pcrs: readonly { readonly index: number; readonly value: string }[];
    readonly eventLog: readonly LogEvent[];
  };
}

/** `GET /v1/eaves/explain`: which nodes a selector means, and by which of its terms not. */
export interface Explained {
  readonly selector: readonly {
    readonly term: string;
    readonly fails: number;
    readonly failsAlone: number;
  }[];
  readonly nodes: number;
  readonly matching: number;
  readonly warning?: string;
  readonly list: readonly {
    readonly id: string;
    readonly name: string;
    readonly matches: boolean;
    readonly reasons: readonly string[];
  }[];
  readonly next?: string;
}

/** `GET /v1/eaves/tokens`. */
export interface OwnToken {
  readonly id: string;
  readonly kind: string;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly lastUsedAt?: string;
  readonly client: string;
  readonly current: boolean;
  readonly readSecrets?: boolean;
}

/** How many objects of which fate; of a node alone or of all of them. */
export interface PlanCounts {
  readonly created: number;
  readonly changed: number;
  readonly restarted: number;
  readonly purged: number;
  readonly deleted: number;
  readonly refusedOnNodes: number;
  readonly tooFull: number;
}

/** `POST /v1/eaves/plan`: what a change of a policy would do. */
export interface Planned extends PlanCounts {
  readonly refused: readonly { readonly location: string; readonly details: string }[];
  readonly nodes: number;
  readonly more: number;
  readonly list: readonly {
    readonly id: string;
    readonly name: string;
    readonly created: readonly string[];
    readonly changed: readonly string[];
    readonly restarted: readonly string[];
    readonly purged: readonly string[];
    readonly deleted: readonly string[];
    readonly tooFull: boolean;
    readonly refused: readonly {
      readonly object: string;
      readonly reasons: readonly string[];
    }[];
  }[];
}

/** A bulk request with `dryRun`: what would come of the first objects. */
export interface Tried {
  readonly failed: number;
  readonly more: boolean;
  readonly list: readonly {
    readonly objectId: string;
    readonly objectName: string;
    readonly fits: boolean;
    readonly result: string;
  }[];
}

/** Token of a session as the contract writes it. */
export interface Token64 {
  readonly base64?: string;
  readonly expires?: string;
}

/** `POST /v1/login`, `POST /v1/eaves/login/totp`, `POST /v1/eaves/enterprises/id/{id}/session`. */
export interface SignedIn {
  readonly cause?: string;
  readonly token?: Token64;
  readonly tempToken?: Token64;
  readonly message?: string;
  readonly mustChangePassword?: boolean;
  readonly totp?: {
    readonly enrolled?: boolean;
    readonly enrolment?: { readonly URL?: string; readonly Secret?: string };
  };
  readonly recoveryCodes?: readonly string[];
}

/** What `GET /v1/ext/stream` tells. */
export interface StreamEvent {
  readonly id: string;
  readonly timestamp: string;
  readonly eventType: string;
  readonly description: string;
  readonly severity: string;
  readonly source: string;
  readonly user: string;
  readonly projectId: string;
  readonly deviceId: string;
  readonly resource: string;
  readonly resourceId: string;
  readonly resourceName: string;
}
