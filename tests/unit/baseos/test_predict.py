"""What another version measures follows from what this one did."""

import hashlib

import pytest

from eaves.evapi.event_log import LogEvent
from eaves.node.baseos.predict import NotPredictable, extended, predicted


def sha(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def parts(version: str, kernel: str = "6.1") -> dict[str, str]:
    return {
        "uki": sha(f"uki {version}").hex(),
        "linux": sha(f"linux {kernel}").hex(),
        "options": sha(f"options {version}").hex(),
        "initrd": sha(f"initrd {kernel}").hex(),
        "section .cmdline": sha(f"cmdline {version}").hex(),
    }


def boot(version: str, kernel: str = "6.1") -> tuple[LogEvent, ...]:
    measured = [
        (0, "firmware"),
        (4, "Calling EFI Application from Boot Option"),
        (4, "systemd-boot"),
        (4, f"uki {version}"),
        (11, ".cmdline\0"),
        (11, f"cmdline {version}"),
        (4, f"linux {kernel}"),
        (9, f"options {version}"),
        (9, f"initrd {kernel}"),
    ]
    return tuple(
        LogEvent(n, pcr, 0xD, sha(text), text.encode()) for n, (pcr, text) in enumerate(measured, 1)
    )


def measured(log: tuple[LogEvent, ...], *pcrs: int) -> dict[int, bytes]:
    return {pcr: extended(event.digest for event in log if event.pcr == pcr) for pcr in pcrs}


def test_the_prediction_is_what_the_other_version_measures() -> None:
    values = predicted(boot("1"), parts("1"), parts("2"))
    assert values == measured(boot("2"), 4, 9, 11)


def test_another_kernel_and_initrd_are_foreseen_too() -> None:
    values = predicted(boot("1"), parts("1"), parts("2", "6.12"))
    assert values == measured(boot("2", "6.12"), 4, 9, 11)


def test_the_same_version_changes_nothing() -> None:
    assert predicted(boot("1"), parts("1"), parts("1")) == {}


def test_a_boot_that_is_not_that_of_the_running_version_predicts_nothing() -> None:
    with pytest.raises(NotPredictable, match="no uki of the running version"):
        predicted(boot("9"), parts("1"), parts("2"))


def test_versions_of_other_parts_predict_nothing() -> None:
    coming = {**parts("2"), "section .dtb": sha("board").hex()}
    with pytest.raises(NotPredictable, match=r"section \.dtb"):
        predicted(boot("1"), parts("1"), coming)
