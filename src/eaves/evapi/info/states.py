"""States and kinds that several info messages share."""

from eaves.evapi.codec import OpenEnum


class ZInfoTypes(OpenEnum):
    ZiNop = 0
    ZiDevice = 1
    ZiApp = 3
    ZiNetworkInstance = 6
    ZiVolume = 7
    ZiContentTree = 8
    ZiBlobList = 9
    ZiAppInstMetaData = 10
    ZiHardware = 11
    ZiEdgeview = 12
    ZiLocation = 13
    ZiPatchEnvelope = 14
    ZiNTPSources = 16
    ZiKubeCluster = 17
    ZiKubeClusterUpdateStatus = 18


class ZSwState(OpenEnum):
    INVALID = 0
    INITIAL = 1
    DOWNLOAD_STARTED = 2
    DOWNLOADED = 3
    DELIVERED = 4
    INSTALLED = 5
    BOOTING = 6
    RUNNING = 7
    HALTING = 8
    HALTED = 9
    RESTARTING = 10
    PURGING = 11
    RESOLVING_TAG = 12
    RESOLVED_TAG = 13
    CREATING_VOLUME = 14
    CREATED_VOLUME = 15
    VERIFYING = 16
    VERIFIED = 17
    LOADING = 18
    LOADED = 19
    AWAITNETWORKINSTANCE = 20
    ERROR = 21
    START_DELAYED = 22
    PENDING = 23
    SCHEDULING = 24


class SnapshotType(OpenEnum):
    SNAPSHOT_TYPE_UNSPECIFIED = 0
    SNAPSHOT_TYPE_APP_UPDATE = 1
    SNAPSHOT_TYPE_IMMEDIATE = 2
