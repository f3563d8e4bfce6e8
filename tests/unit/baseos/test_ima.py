"""PCR 10 of a boot follows from its other PCRs, as two boots of the image in QEMU measured them."""

import hashlib
from typing import Final

import pytest

from eaves.node.baseos.ima import AGGREGATED, IMA_PCR, aggregate_pcr, with_aggregate
from eaves.node.baseos.predict import NotPredictable

ZERO: Final = "00" * 32
SEPARATOR: Final = "3d458cfe55cc03ea1f443f1562beec8df51c75e14a9fcf9a7234a13f198e7969"
FIRMWARE: Final = {
    0: "1119fe2cc2550e9294b01a6355bfeb7ac1507139f07c0afec49f6644002acca9",
    2: "3410b9935d57037330b3c0865afaa89ce8efb59e84548029bb8685f5d33839d2",
    3: SEPARATOR,
    6: SEPARATOR,
    7: "65caf8dd1e0ea7a6347b635d2b379c93b9a1351edc2afc3ecda700e534eb3068",
    8: ZERO,
}
FIRST: Final = {
    **FIRMWARE,
    1: "5d47250f7550d213c4d69c24bff8d6ef7d66aa63110c78ae271363ee236df144",
    4: "eafe12eb5514e1a1f28f4baae55a9309135979afdf2f74c2c263311f763e6c66",
    5: "54306ae4aecbf3fbfc5e12b9eed893131a815726559854a06d6ba62271be231f",
    9: "aa89672d2f6113dae8e10f9e2ee905fbcd1fdd826cef8a7157b327e8214f3324",
    10: "bb4bfc77c3dbb86349eb6c5244774d4a2c84d4debdd9691108958056da5ac815",
}
SECOND: Final = {
    **FIRMWARE,
    1: "38986971da72060ffb4aa40aec3f611718adb0d7e9b849d0ec2f25061601790b",
    4: "2273f66f92df97b54ac0c554aa0d5fde508f1068615137506ad3f43c8feb65a7",
    5: "06cf7855f17dd788989248ef4680e6b0fd2b1e7d3ceb5a6bc14e7f5d919e298e",
    9: "ad7b900c97344c16a4bbcb7abc9477dfc75f603afd5a04157c54c0ba34ecb527",
    10: "f3b4009c82f442e7dc68a3f41b9e582e43edf0c86abce3ec33d4d15521fbe7e3",
}


def measured(told: dict[int, str]) -> dict[int, bytes]:
    return {pcr: bytes.fromhex(value) for pcr, value in told.items()}


@pytest.mark.parametrize("told", [FIRST, SECOND], ids=["first", "second"])
def test_it_is_what_the_kernel_of_the_image_measured(told: dict[int, str]) -> None:
    values = measured(told)
    assert aggregate_pcr(values, "ima-sig") == values[IMA_PCR]
    assert aggregate_pcr(values, "ima-ng") != values[IMA_PCR]


def test_one_boot_foretells_pcr_10_of_another() -> None:
    present, other = measured(FIRST), measured(SECOND)
    changed = {pcr: other[pcr] for pcr in AGGREGATED if other[pcr] != present[pcr]}
    assert with_aggregate(present, changed) == {**changed, IMA_PCR: other[IMA_PCR]}


def test_the_template_is_the_one_of_this_boot() -> None:
    present = measured(FIRST)
    present[IMA_PCR] = aggregate_pcr(present, "ima-ng")
    coming = {4: hashlib.sha256(b"another kernel").digest()}
    foretold = with_aggregate(present, coming)
    assert foretold[IMA_PCR] == aggregate_pcr({**present, **coming}, "ima-ng")


def test_a_kernel_without_ima_changes_nothing() -> None:
    present = {**measured(FIRST), IMA_PCR: bytes(32)}
    coming = {4: bytes(32), 11: bytes(32)}
    assert with_aggregate(present, coming) == coming


def test_what_is_not_aggregated_does_not_change_it() -> None:
    assert with_aggregate(measured(FIRST), {11: bytes(32)}) == {11: bytes(32)}


def test_a_kernel_that_measures_more_foretells_nothing() -> None:
    present = measured(FIRST)
    present[IMA_PCR] = hashlib.sha256(present[IMA_PCR] + bytes(32)).digest()
    with pytest.raises(NotPredictable, match="the kernel measures more"):
        with_aggregate(present, {4: bytes(32)})
