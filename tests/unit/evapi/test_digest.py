"""When the hash of a configuration changes, and when it must not."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from eaves.evapi.config import (
    AppInstanceConfig,
    ConfigItem,
    EdgeDevConfig,
    PhysicalIO,
    UUIDandVersion,
    config_hash,
    decode_edge_dev_config,
    encode_edge_dev_config,
    section_digests,
)

UNKNOWN_FIELD = b"\x80\xe2\x09\x07"  # field 20000, the number 7
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CONFIG = EdgeDevConfig(
    id=UUIDandVersion(uuid="3f1d8c0a-6a5e-4b87-9f0e-2c6a1de4b001", version="7"),
    apps=(AppInstanceConfig(displayname="web"),),
    device_io_list=(PhysicalIO(phylabel="eth0", phyaddrs={"ifname": "eth0", "irq": "5"}),),
    controllercert_confighash="certs",
)


def test_the_hash_of_an_empty_configuration_is_not_empty() -> None:
    assert len(config_hash(EdgeDevConfig())) == 44


def test_the_hash_ignores_the_timestamp_alone() -> None:
    stamped = replace(CONFIG, config_timestamp=NOON)
    assert config_hash(stamped) == config_hash(CONFIG)
    with_nanoseconds = decode_edge_dev_config(
        encode_edge_dev_config(CONFIG) + b"\xc2\x02\x02\x10\x05"  # config_timestamp.nanos 5
    )
    assert with_nanoseconds.rest
    assert config_hash(with_nanoseconds) == config_hash(CONFIG)


def test_the_hash_changes_with_every_other_part() -> None:
    changed = [
        replace(CONFIG, apps=()),
        replace(CONFIG, controllercert_confighash="other certs"),
        replace(CONFIG, config_items=(ConfigItem(key="a"),)),
        replace(CONFIG, maintenance_mode=True),
        replace(CONFIG, controller_epoch=1),
        replace(CONFIG, rest=UNKNOWN_FIELD),
        replace(CONFIG, apps=(AppInstanceConfig(displayname="web", rest=UNKNOWN_FIELD),)),
    ]
    assert len({config_hash(config) for config in [CONFIG, *changed]}) == len(changed) + 1


def test_the_hash_is_the_same_in_every_release() -> None:
    assert config_hash(CONFIG) == "ByQyAtdgKrEecP2FZFVvFyZd5Ov9SP_7QhTCe56gwU0="


def test_the_hash_survives_the_wire() -> None:
    assert config_hash(decode_edge_dev_config(encode_edge_dev_config(CONFIG))) == config_hash(
        CONFIG
    )


@given(st.permutations(["ifname", "irq", "pcilong", "serial"]))
def test_the_hash_does_not_depend_on_the_order_of_a_map(keys: list[str]) -> None:
    def config(order: list[str]) -> EdgeDevConfig:
        return EdgeDevConfig(device_io_list=(PhysicalIO(phyaddrs=dict.fromkeys(order, "")),))

    assert config_hash(config(keys)) == config_hash(config(sorted(keys)))


def test_only_the_digest_of_a_changed_section_changes() -> None:
    before = section_digests(CONFIG)
    after = section_digests(replace(CONFIG, apps=(), config_timestamp=NOON))
    assert {name for name in before if before[name] != after[name]} == {"apps"}
    assert "config_timestamp" not in before


def test_unknown_fields_are_a_section() -> None:
    before = section_digests(CONFIG)
    after = section_digests(replace(CONFIG, rest=UNKNOWN_FIELD))
    assert {name for name in before if before[name] != after[name]} == {"rest"}
