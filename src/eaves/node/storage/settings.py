"""The configuration properties that storage obeys; unusable values keep the default."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StorageSettings:
    download_retry_s: int = 600  # timer.download.retry: longest pause between two tries
    download_stalled_s: int = 600  # timer.download.stalled
    verify_retries: int = 5  # blob.download.max.retries
    allow_insecure_auth: bool = False  # datastore.http.security.allowinsecureauth
    ignore_disk_check: bool = False  # storage.apps.ignore.disk.check
    host_min_percent: int = 20  # storage.dom0.disk.minusage.percent
    host_max_bytes: int = 2 * 1024**3  # storage.dom0.disk.maxusagebytes
    log_quota_bytes: int = 2048 * 1024**2  # newlog.gzipfiles.ondisk.maxmegabytes
    defer_delete_s: int = 0  # timer.defer.content.delete
    collect_after_s: int = 3600  # timer.gc.vdisk


def settings_of(properties: Mapping[str, str]) -> StorageSettings:
    """`properties` are the config items by key."""
    usual = StorageSettings()

    def number(key: str, default: int, least: int, most: int = 2**63 - 1) -> int:
        try:
            value = int(properties[key])
        except (KeyError, ValueError):
            return default
        return value if least <= value <= most else default

    def flag(key: str, default: bool) -> bool:  # noqa: FBT001 - a default, not a switch
        words = {"true": True, "false": False, "1": True, "0": False}
        return words.get(properties.get(key, "").strip().lower(), default)

    quota_mb = number("newlog.gzipfiles.ondisk.maxmegabytes", usual.log_quota_bytes >> 20, 10)
    return StorageSettings(
        download_retry_s=number("timer.download.retry", usual.download_retry_s, 60),
        download_stalled_s=number("timer.download.stalled", usual.download_stalled_s, 20),
        verify_retries=number("blob.download.max.retries", usual.verify_retries, 1, 10),
        allow_insecure_auth=flag(
            "datastore.http.security.allowinsecureauth", usual.allow_insecure_auth
        ),
        ignore_disk_check=flag("storage.apps.ignore.disk.check", usual.ignore_disk_check),
        host_min_percent=number(
            "storage.dom0.disk.minusage.percent", usual.host_min_percent, 20, 80
        ),
        host_max_bytes=number(
            "storage.dom0.disk.maxusagebytes", usual.host_max_bytes, 100 * 1024**2
        ),
        log_quota_bytes=quota_mb << 20,
        defer_delete_s=number("timer.defer.content.delete", usual.defer_delete_s, 0, 86400),
        collect_after_s=number("timer.gc.vdisk", usual.collect_after_s, 60),
    )
