"""Configuration properties: the key/value items of a config, what they may be and what they do.

An item that is not listed in a config returns to its default.  A value that cannot be used keeps
the one before it, out of range is not clamped, and both are reported; an unknown key is reported
and has no other effect.  Source: EVE API v2, configItems; EVE-OS configuration properties.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from eaves.errors import Rejected
from eaves.evapi.config.devcommon import ConfigItem
from eaves.evapi.image_signature import ANY, SIGNED_ONLY
from eaves.evapi.image_signature import KEYS as IMAGE_KEYS
from eaves.evapi.image_signature import POLICY as IMAGE_POLICY
from eaves.evapi.info.device import ZInfoConfigItem, ZInfoConfigItemStatus
from eaves.evapi.items_without_effect import missing
from eaves.evapi.log_router import steps_of

ItemValue = int | bool | str

MOST = 2**32 - 1
DAY_S = 86400


class Kind(StrEnum):
    COUNT = "number"
    SECONDS = "seconds"
    FLAG = "true or false"
    TRI = "enabled, disabled or none"
    TEXT = "text"
    CRON = "cron schedule"


class Tri(StrEnum):
    NONE = "none"
    ENABLED = "enabled"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Property:
    key: str
    kind: Kind
    default: ItemValue
    effect: str
    least: int = 0
    most: int = MOST
    choices: tuple[str, ...] = ()  # of a text; none: any text
    check: Callable[[str], object] | None = None  # of a text; raises Rejected with what is wrong
    unlisted: ItemValue | None = None  # once a controller configures the device; None: the default

    @property
    def resting(self) -> ItemValue:
        """The value under a configuration that does not list this property."""
        return self.default if self.unlisted is None else self.unlisted


class BadItem(Rejected):
    """A value that a property cannot take; the text says what it can."""


def _seconds(key: str, default: int, least: int, most: int, effect: str) -> Property:
    return Property(key, Kind.SECONDS, default, effect, least, most)


def _count(key: str, default: int, least: int, most: int, effect: str) -> Property:
    return Property(key, Kind.COUNT, default, effect, least, most)


def _flag(key: str, default: bool, effect: str) -> Property:  # noqa: FBT001 - a row of the table
    return Property(key, Kind.FLAG, default, effect)


def _access(key: str, effect: str) -> Property:
    """Open until a controller takes over, then closed unless it says otherwise."""
    return Property(key, Kind.FLAG, default=True, effect=effect, unlisted=False)


def _tri(key: str, default: Tri, effect: str) -> Property:
    return Property(key, Kind.TRI, default, effect)


def _text(key: str, default: str, effect: str, *choices: str) -> Property:
    return Property(key, Kind.TEXT, default, effect, choices=choices)


def _cron(key: str, default: str, effect: str) -> Property:
    return Property(key, Kind.CRON, default, effect)


SERVICE_LEVELS = (
    "none",
    "panic",
    "fatal",
    "error",
    "warning",
    "info",
    "debug",
    "trace",
    "all",
)
SYSLOG_LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
TUI_LEVELS = ("off", "error", "warn", "info", "debug", "trace")
FML_SIZES = ("", "800x600", "1024x768", "1280x800", "1920x1080")
DRAIN_POLICIES = (
    "block-for-eviction-if-contains-last-replica",
    "block-for-eviction",
    "allow-if-replica-is-stopped",
    "always-allow",
)

_NO_EFFECT = "of the Go runtime: accepted and reported, no effect here"

_TABLE = (
    _seconds("timer.config.interval", 60, 5, DAY_S, "time between two polls for configuration"),
    _seconds("timer.cert.interval", DAY_S, 60, MOST, "time between two reads of the certificates"),
    _seconds("timer.metric.interval", 60, 5, 3600, "time between two metrics messages"),
    _seconds("timer.metric.diskscan.interval", 300, 5, 3600, "time between two disk usage scans"),
    _seconds("timer.hardwarehealth.interval", 43200, 21600, MOST, "time between health reports"),
    _seconds("timer.deviceinfo.interval", 600, 30, MOST, "device info at least this often"),
    _seconds("timer.location.cloud.interval", 3600, 300, MOST, "location to the controller"),
    _seconds("timer.location.app.interval", 20, 5, 3600, "location to apps and local profile"),
    _seconds("timer.ntpsources.interval", 600, 60, MOST, "time sources at least this often"),
    _seconds("timer.send.timeout", 120, 0, 3600, "limit of one request"),
    _seconds("timer.dial.timeout", 10, 0, 3600, "limit of one connection attempt"),
    _seconds("timer.reboot.no.network", 604800, 120, MOST, "reboot when cut off this long"),
    _seconds("timer.update.fallback.no.network", 300, 60, MOST, "give up a cut-off new base OS"),
    _seconds("timer.test.baseimage.update", 600, 30, 3600, "trial of a new base OS, of a config"),
    _seconds("timer.gc.vdisk", 3600, 60, MOST, "keep storage that nothing claims"),
    _seconds("timer.defer.content.delete", 0, 0, DAY_S, "keep content that was deleted"),
    _seconds("timer.download.retry", 600, 60, MOST, "wait before a failed download is retried"),
    _seconds("timer.download.stalled", 600, 20, MOST, "cancel a download without progress"),
    _seconds("timer.boot.retry", 600, 10, MOST, "wait before a failed app start is retried"),
    _seconds("timer.port.georedo", 3600, 60, MOST, "refresh the location of an address"),
    _seconds("timer.port.georetry", 600, 5, MOST, "retry to locate an address"),
    _seconds("timer.port.testduration", 30, 10, 3600, "wait for addresses in a network test"),
    _seconds("timer.port.testinterval", 300, 300, 3600, "time between two network tests"),
    _seconds("timer.port.timeout", 15, 0, 3600, "limit of one request of a network test"),
    _seconds("timer.port.testbetterinterval", 600, 0, MOST, "retry preferred network; 0: never"),
    _seconds("timer.appcontainer.stats.interval", 300, 1, MOST, "counters of nested containers"),
    _seconds("timer.vault.ready.cutoff", 300, 60, MOST, "longest wait for the vault to open"),
    _seconds("timer.vault.trim.max.secs", 1800, 0, MOST, "limit of a vault trim; 0: none"),
    _cron("timer.vault.trim.cron", "0 2 * * 6,0", "when the vault is trimmed"),
    _cron("timer.zfs.pool.trim.cron", "0 3 * * 6,0", "when the pool is trimmed"),
    _seconds("timer.lps.profile.interval", 60, 3, 3600, "local profile server: profile"),
    _seconds("timer.lps.appinfo.interval", 60, 3, 3600, "local profile server: app info"),
    _seconds("timer.lps.devinfo.interval", 60, 3, 3600, "local profile server: device info"),
    _seconds("timer.lps.network.interval", 60, 3, 3600, "local profile server: networks"),
    _seconds("timer.lps.appbootinfo.interval", 60, 3, 3600, "local profile server: app boot"),
    _seconds("timer.lps.radio.interval", 5, 3, 3600, "local profile server: radio silence"),
    _tri("network.fallback.any.eth", Tri.DISABLED, "try DHCP on every port as the last resort"),
    _count("network.download.max.cost", 0, 0, 255, "dearest port that downloads may use"),
    _flag("network.switch.enable.arpsnoop", True, "learn static addresses of apps on switches"),
    _flag("network.local.legacy.mac.address", False, "older scheme of app MAC addresses"),
    _count("blob.download.max.retries", 5, 1, 10, "downloads again when the digest is wrong"),
    _flag("datastore.http.security.allowinsecureauth", False, "send credentials over HTTP"),
    _flag("dhcp.enable.vendorclassid", True, "DHCP option 60"),
    _count("pnac.dhcp.reacquire.max.retries", 4, 0, 8, "new lease after 802.1X changed"),
    _seconds("scep.retry.interval", 300, 60, 3600, "wait before a failed enrolment is retried"),
    _flag("wwan.query.visible.providers", False, "look for mobile providers every hour"),
    _flag("wwan.modem.recovery.watchdog", False, "reboot when a modem cannot be recovered"),
    _flag("wwan.modem.recovery.reload.drivers", False, "reload drivers of a stuck modem"),
    _flag("wwan.modem.recovery.restart.modemmanager", False, "restart the modem manager"),
    _flag("debug.disable.dhcp.all-ones.netmask", False, "accepted, no effect"),
    _flag("app.allow.vnc", False, "reach app consoles from outside the device"),
    _text("app.boot.order", "", "boot from USB first, or never", "", "usb", "nousb"),
    _text("app.fml.resolution", "", "display size of FML apps", *FML_SIZES),
    _flag("app.enable.tcp.mss.clamping", True, "fit TCP segments to the path"),
    _text("igpu.gop", "", "name of the graphics option ROM"),
    _flag("process.cloud-init.multipart", False, "unpack MIME user data for VMs"),
    _access("debug.enable.usb", "the host uses USB devices"),
    _access("debug.enable.vga", "the host uses the display"),
    _access("debug.enable.console", "login on the console of the host"),
    _text("debug.enable.ssh", "", "authorised keys; empty: no SSH"),
    _flag("debug.enable.vnc.shim.vm", False, "console of container VMs over VNC"),
    _flag("debug.enable.efi", False, "debug log of the firmware"),
    _flag("debug.qemu.process.core", True, "keep a core when the emulator crashes"),
    _flag("debug.qemu.guest.core", False, "keep a core when a guest crashes"),
    _flag("debug.qemu.process.core.guest.ram", False, "guest memory in emulator cores"),
    _flag("debug.qemu.pause.on.crash", False, "pause a crashed guest for inspection"),
    _flag("debug.qemu.gdb", False, "debugger port of the emulator"),
    _flag("debug.qemu.igpu.no.mmap", False, "slow but inspectable graphics access"),
    _text("debug.qemu.trace.events", "", "trace events of the emulator"),
    _text("debug.default.loglevel", "info", "services, kept on the device", *SERVICE_LEVELS),
    _text("debug.default.remote.loglevel", "info", "services, sent", *SERVICE_LEVELS),
    _text("debug.syslog.loglevel", "info", "system log, kept on the device", *SYSLOG_LEVELS),
    _text("debug.syslog.remote.loglevel", "info", "system log, sent", *SYSLOG_LEVELS),
    _text("debug.kernel.loglevel", "info", "kernel log, kept on the device", *SYSLOG_LEVELS),
    _text("debug.kernel.remote.loglevel", "info", "kernel log, sent", *SYSLOG_LEVELS),
    _text("debug.tui.loglevel", "info", "the text console of the host", *TUI_LEVELS),
    _count("storage.dom0.disk.minusage.percent", 20, 20, 80, "disk share kept for the host"),
    _count("storage.dom0.disk.maxusagebytes", 2**31, 100 * 2**20, MOST, "cap of that share"),
    _count("storage.zfs.reserved.percent", 20, 1, 99, "head-room of the pool"),
    _flag("storage.apps.ignore.disk.check", False, "create volumes without looking at space"),
    _count("storage.longhorn.disk.reserved.gigabytes", 2, 0, 2**20, "2^20: leave as it is"),
    _cron("storage.longhorn.snapshot.cron", "0 0 * * *", "cluster snapshots; empty: none"),
    _text("storage.longhorn.node-drain-policy", DRAIN_POLICIES[0], "drains", *DRAIN_POLICIES),
    _flag("memory.apps.ignore.check", False, "start apps without looking at memory"),
    _count("memory.vmm.limit.MiB", 0, 0, 2**30, "overhead of one VM; 0: estimated"),
    _count("memory.eve.limit.MiB", 0, 0, MOST, "memory kept for the host; 0: detected"),
    _count("memory.eve.limit.bytes", 0, 0, MOST, "the same in bytes, wins; 0: not set"),
    _tri("maintenance.mode", Tri.NONE, "overrides the flag of the configuration"),
    _tri("airgap.mode", Tri.NONE, "a missing controller is no error"),
    _count("force.fallback.counter", 0, 0, MOST, "a change starts the other slot"),
    _flag("newlog.allow.fastupload", False, "send logs every 3 s"),
    _count("newlog.gzipfiles.ondisk.maxmegabytes", 2048, 10, MOST, "space of logs not yet sent"),
    _count("log.dedup.window.size", 0, 0, MOST, "repeated lines within so many are dropped"),
    _text("log.count.filenames", "", "lines from these file:line places are only counted"),
    _text("log.filter.filenames", "", "lines from these file:line places are dropped"),
    _flag("vector.enabled", True, "logs pass through the log router"),
    Property(
        "vector.config",
        Kind.TEXT,
        "",
        "filters and samples lines before they are sent: transforms of Vector, base64",
        check=steps_of,
    ),
    _flag("netdump.enable", True, "capture network traces of failures"),
    _seconds("netdump.topic.preonboard.interval", 3600, 60, MOST, "gap before onboarding"),
    _seconds("netdump.topic.postonboard.interval", DAY_S, 60, MOST, "gap after onboarding"),
    _count("netdump.topic.maxcount", 10, 1, MOST, "traces kept for one topic"),
    _flag("netdump.downloader.with.pcap", False, "packet headers of downloads too, up to 64 MB"),
    _flag("netdump.downloader.http.with.fieldvalue", False, "values of HTTP headers too"),
    _text("diag.probe.remote.http.endpoint", "www.google.com", "host or address; empty: none"),
    _text("diag.probe.remote.https.endpoint", "www.google.com", "host; empty: none"),
    _text("edgeview.authen.publickey", "", "up to 3 SSH keys; a change ends the sessions"),
    _count("msrv.prometheus.metrics.rps", 1, 1, MOST, "requests a second of one app"),
    _count("msrv.prometheus.metrics.burst", 10, 1, MOST, "requests at once of one app"),
    _seconds("msrv.prometheus.metrics.idletimeout.seconds", 240, 1, MOST, "limit forgotten"),
    _flag("memory-monitor.enabled", False, "watch memory pressure"),
    _flag("internal-memory-monitor.store.enabled", True, "keep the trend of own memory"),
    _flag("internal-memory-monitor.analyze.enabled", True, "judge the trend of own memory"),
    _count("gogc.memory.limit.bytes", 0, 0, MOST, _NO_EFFECT),
    _count("gogc.percent", 100, 0, 500, _NO_EFFECT),
    _seconds("gogc.forced.interval.seconds", 10, 0, 1000, _NO_EFFECT),
    _count("gogc.forced.growth.memory.MiB", 50, 10, 1024, _NO_EFFECT),
    _count("gogc.forced.growth.memory.percent", 20, 5, 300, _NO_EFFECT),
    _count("goroutine.leak.detection.threshold", 5000, 1, MOST, _NO_EFFECT),
    _count("goroutine.leak.detection.check.interval.minutes", 1, 1, MOST, _NO_EFFECT),
    _count("goroutine.leak.detection.check.window.minutes", 10, 10, MOST, _NO_EFFECT),
    _count("goroutine.leak.detection.keep.stats.hours", 24, 1, MOST, _NO_EFFECT),
    _count("goroutine.leak.detection.cooldown.minutes", 5, 1, MOST, _NO_EFFECT),
    _count("kubernetes.drain.timeout", 24, 1, MOST, "hours that a cluster drain may take"),
    _count("kubernetes.drain.allnodes.config.multiple", 2, 1, 1000, "in poll intervals"),
    _seconds("drain.skip.k8sapinotreachable.timeout", 300, 1, MOST, "then skip the drain"),
    _text(IMAGE_POLICY, ANY, "what images need to come here", ANY, SIGNED_ONLY),
    _text(IMAGE_KEYS, "", "public keys in PEM that signatures of images count by"),
    _count("vault.needed.holders", 0, 0, 3, "so many of TPM, escrow, recovery key open the vault"),
    _text("k3s.config.override", "", "configuration of the cluster, base64"),
    _text("k3s.version", "", "version of the cluster software"),
    _text("kubernetes.vmi.deschedule.events", "", "events that move apps, such as boot"),
)

PROPERTIES: Mapping[str, Property] = {row.key: row for row in _TABLE}

_AGENT = re.compile(r"agent\.([a-z0-9_-]+)\.debug\.(remote\.)?loglevel")
_LEGACY_AGENT = re.compile(r"debug\.([a-z0-9_-]+)\.(remote\.)?loglevel")
_TRUE = frozenset(("1", "t", "T", "true", "TRUE", "True"))
_FALSE = frozenset(("0", "f", "F", "false", "FALSE", "False"))
_TRI_WORDS: Mapping[str, Tri] = {
    **dict.fromkeys(("enabled", "enable", "on"), Tri.ENABLED),
    **dict.fromkeys(("disabled", "disable", "off"), Tri.DISABLED),
    "none": Tri.NONE,
}


def property_of(key: str) -> Property | None:
    """The property that `key` names; the log level of one service is made on demand.

    The older spelling `debug.<service>.loglevel` names the same property as
    `agent.<service>.debug.loglevel`.
    """
    known = PROPERTIES.get(key)
    if known is not None:
        return known
    match = _AGENT.fullmatch(key) or _LEGACY_AGENT.fullmatch(key)
    if match is None:
        return None
    service, remote = match[1], match[2] or ""
    key = f"agent.{service}.debug.{remote}loglevel"
    return _text(key, "", f"service {service}; empty: as all services", "", *SERVICE_LEVELS)


def parse_item(of: Property, text: str) -> ItemValue:
    """Raises BadItem with what the property can take."""
    match of.kind:
        case Kind.COUNT | Kind.SECONDS:
            number = int(text) if re.fullmatch(r"[0-9]{1,20}", text) else -1
            if not of.least <= number <= of.most:
                raise BadItem(f"{text[:32]!r} is not a number from {of.least} to {of.most}")
            return number
        case Kind.FLAG:
            if text not in _TRUE | _FALSE:
                raise BadItem(f"{text[:32]!r} is neither true nor false")
            return text in _TRUE
        case Kind.TRI:
            if text not in _TRI_WORDS:
                raise BadItem(f"{text[:32]!r} is none of {of.kind}")
            return _TRI_WORDS[text]
        case Kind.TEXT:
            if of.choices and text.lower() not in of.choices:
                raise BadItem(f"{text[:32]!r} is none of {', '.join(of.choices).lstrip(', ')}")
            _check(of, text)
            return text.lower() if of.choices else text
        case Kind.CRON:
            if text and len(text.split()) != 5:
                raise BadItem(f"{text[:32]!r} has not the five fields of a cron schedule")
            return text


def _check(of: Property, text: str) -> None:
    if of.check is None:
        return
    try:
        of.check(text)
    except Rejected as error:
        raise BadItem(str(error)) from error


def item_text(value: ItemValue) -> str:
    """As `parse_item` reads it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class ItemValues:
    """Values in force.  Asking for a key that is not in the table, or as another kind, is an error
    of the caller: KeyError or TypeError.
    """

    values: Mapping[str, ItemValue] = field(default_factory=dict[str, ItemValue])

    @classmethod
    def before_any_config(cls) -> Self:
        return cls({key: row.default for key, row in PROPERTIES.items()})

    def seconds(self, key: str) -> int:
        return self._number(key, Kind.SECONDS)

    def count(self, key: str) -> int:
        return self._number(key, Kind.COUNT)

    def flag(self, key: str) -> bool:
        value = self._value(key, Kind.FLAG)
        return value is True

    def tri(self, key: str) -> Tri:
        return Tri(str(self._value(key, Kind.TRI)))

    def text(self, key: str) -> str:
        of = PROPERTIES[key]
        return str(self._value(key, Kind.CRON if of.kind is Kind.CRON else Kind.TEXT))

    def log_level(self, service: str, *, remote: bool) -> str:
        """The level of one service: its own, else that of all services."""
        end = "remote.loglevel" if remote else "loglevel"
        own = self.values.get(f"agent.{service}.debug.{end}", "")
        return str(own) or self.text(f"debug.default.{end}")

    def _number(self, key: str, kind: Kind) -> int:
        return int(self._value(key, kind))

    def _value(self, key: str, kind: Kind) -> ItemValue:
        of = PROPERTIES[key]
        if of.kind is not kind:
            raise TypeError(f"{key} holds {of.kind}, not {kind}")
        return self.values.get(key, of.default)


def apply_items(
    items: Iterable[ConfigItem], previous: ItemValues | None = None
) -> tuple[ItemValues, ZInfoConfigItemStatus]:
    """The values under a configuration with `items`, and what to report about them.

    The report holds the value of every known property, and why a listed one changes nothing.  Of a
    key listed twice, the last item counts.
    """
    before = previous if previous is not None else ItemValues.before_any_config()
    values: dict[str, ItemValue] = {key: row.resting for key, row in PROPERTIES.items()}
    errors: dict[str, str] = {}
    unknown: dict[str, ZInfoConfigItem] = {}
    for item in items:
        of = property_of(item.key)
        if of is None:
            unknown[item.key] = ZInfoConfigItem(
                value=item.value, error=f"{item.key}: unknown property; remove it from the config"
            )
            continue
        errors.pop(of.key, None)
        try:
            values[of.key] = parse_item(of, item.value)
        except BadItem as bad:
            kept = values[of.key] = before.values.get(of.key, of.resting)
            errors[of.key] = f"{item.key}: {bad}; kept {item_text(kept)!r}, correct the config"
            continue
        if why := missing(of.key, values[of.key]):
            errors[of.key] = f"{item.key}: no effect here: {why}; remove it from the config"
    return ItemValues(values), ZInfoConfigItemStatus(
        config_items={
            key: ZInfoConfigItem(value=item_text(value), error=errors.get(key, ""))
            for key, value in values.items()
        },
        unknown_config_items=unknown,
    )
