"""Secrets that nobody uses are not kept; everything else stays as it came."""

from eaves.controller.domain.contract.apps import AppInstance
from eaves.controller.domain.contract.networks import NetConfig
from eaves.controller.domain.unused_secrets import without_unused_secrets


def test_passwords_of_parts_without_a_type_go_and_the_rest_stays() -> None:
    probe = {"customProbe": {"host": "x", "password": "p"}, "others": [{"password": "q", "n": 1}]}
    body = {
        "name": "lte",
        "wireless": {"type": "NETWORK_WIRELESS_TYPE_CELLULAR", "cellularCfg": {"probe": probe}},
    }
    kept = without_unused_secrets(NetConfig.from_json(body)).to_json()
    assert kept["wireless"]["cellularCfg"]["probe"] == {
        "customProbe": {"host": "x"},
        "others": [{"n": 1}],
    }
    assert kept["name"] == "lte"


def test_secrets_that_have_a_type_are_sealed_elsewhere_and_tags_are_nobodys_secrets() -> None:
    body = {
        "name": "web",
        "tags": {"password": "a tag", "token": "too"},
        "userData": "sealed where it is stored",
        "customConfig": {
            "name": "config",
            "variableGroups": [{"name": "g", "variables": [{"name": "password", "value": "v"}]}],
        },
    }
    instance = AppInstance.from_json(body)
    assert without_unused_secrets(instance) is instance
