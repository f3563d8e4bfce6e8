"""What properties in force mean for the loops of the node: how long each waits.  Pure."""

from datetime import timedelta

from eaves.evapi.config_items import ItemValues
from eaves.node.comms.transport import Limits

BEFORE_ANY_CONFIG_S = 10.0
COLLECT_S, COLLECT_FAST_S = 10.0, 1.0
JOURNAL_FAST_S = 5.0  # each look at the journal of the machine is a program that starts
LOCAL_REQUESTS = {
    "local_profile": "timer.lps.profile.interval",
    "radio": "timer.lps.radio.interval",
    "appinfo": "timer.lps.appinfo.interval",
    "devinfo": "timer.lps.devinfo.interval",
    "network": "timer.lps.network.interval",
    "appbootinfo": "timer.lps.appbootinfo.interval",
}


def poll_pause_s(items: ItemValues, share: float, *, told: bool) -> float:
    """`told`: a configuration came.  Until then, more seconds of darkness help nobody."""
    interval = share * items.seconds("timer.config.interval")
    return interval if told else min(interval, BEFORE_ANY_CONFIG_S)


def certs_pause_s(items: ItemValues, share: float) -> float:
    return share * items.seconds("timer.cert.interval")


def metrics_pause_s(items: ItemValues, share: float) -> float:
    return share * items.seconds("timer.metric.interval")


def device_info_pause_s(items: ItemValues, share: float) -> float:
    return share * items.seconds("timer.deviceinfo.interval")


def health_pause_s(items: ItemValues, share: float) -> float:
    return share * items.seconds("timer.hardwarehealth.interval")


def disk_scan_pause_s(items: ItemValues) -> float:
    return items.seconds("timer.metric.diskscan.interval")


def local_pause_s(items: ItemValues, request: str) -> float:
    """Between two requests of one kind to the local profile server."""
    return items.seconds(LOCAL_REQUESTS[request])


def nested_pause_s(items: ItemValues) -> float:
    return items.seconds("timer.appcontainer.stats.interval")


def collect_logs_pause_s(items: ItemValues) -> float:
    return COLLECT_FAST_S if items.flag("newlog.allow.fastupload") else COLLECT_S


def read_journal_pause_s(items: ItemValues) -> float:
    return JOURNAL_FAST_S if items.flag("newlog.allow.fastupload") else COLLECT_S


def request_limits(items: ItemValues) -> Limits:
    """0 is as if nothing was said: a request without any limit could hold a loop for ever."""
    usual = Limits()
    return Limits(
        items.seconds("timer.dial.timeout") or usual.dial,
        items.seconds("timer.send.timeout") or usual.send,
    )


def boot_retry(items: ItemValues) -> timedelta:
    return timedelta(seconds=items.seconds("timer.boot.retry"))


def log_quota_bytes(items: ItemValues) -> int:
    return items.count("newlog.gzipfiles.ondisk.maxmegabytes") << 20
