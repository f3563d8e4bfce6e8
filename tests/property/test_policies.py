"""Whatever happens in whatever order: nodes come to carry what the policies want, and no more."""

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from eaves.controller.domain.contract.apps import App, AppInstance
from eaves.controller.domain.contract.deployments import Deployment
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.envelope import ObjectRevision
from eaves.controller.domain.contract.netinsts import NetInstConfig
from eaves.controller.domain.contract.projects import Tag
from eaves.controller.domain.contract.volumes import VolInstConfig
from eaves.controller.domain.policies.decide import Owned
from eaves.controller.domain.policies.entries import (
    Entry,
    entries_of_deployment,
    entries_of_project,
)
from eaves.controller.domain.policies.selectors import explain, matches
from eaves.controller.domain.policies.settle import Site, settle

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PROJECTS = ("north", "south")
TAGS = ("v1", "v2")
KEYS = ("gpu", "site")
BUNDLE = App.from_json(
    {
        "id": "bundle",
        "name": "web",
        "title": "Web",
        "manifestJSON": {
            "appType": "APP_TYPE_VM",
            "interfaces": [{"name": "eth0"}],
            "resources": [{"name": "cpus", "value": "1"}],
        },
    }
).model_copy(update={"revision": ObjectRevision(curr="1")})


@dataclass
class Fleet:
    """What a database would hold, and what changed in it since a node was last looked at."""

    nodes: dict[str, DeviceConfig] = field(default_factory=dict[str, DeviceConfig])
    projects: dict[str, Tag] = field(default_factory=dict[str, Tag])
    deployments: dict[str, Deployment] = field(default_factory=dict[str, Deployment])
    carried: dict[str, dict[str, object]] = field(default_factory=dict[str, dict[str, object]])
    owned: dict[str, dict[str, Owned]] = field(default_factory=dict[str, dict[str, Owned]])
    wanted: set[str] = field(default_factory=set[str])
    ids: "itertools.count[int]" = field(default_factory=itertools.count)

    def entries(self, project_id: str) -> tuple[Entry, ...]:
        found = list(entries_of_project(self.projects[project_id]))
        for one in self.deployments.values():
            if one.project_id == project_id:
                found += entries_of_deployment(one, project_id)
        return tuple(found)

    def touch(self, project_id: str) -> None:
        self.wanted |= {one.id for one in self.nodes.values() if one.project_id == project_id}

    def look_at(self, node_id: str) -> bool:
        """As the job does; whether anything was to be done."""
        self.wanted.discard(node_id)
        device = self.nodes.get(node_id)
        if device is None:
            return False
        there = self.carried.setdefault(node_id, {})
        owned = self.owned.setdefault(node_id, {})
        site = Site(
            device=device,
            netinsts=tuple(one for one in there.values() if isinstance(one, NetInstConfig)),
            volumes=tuple(one for one in there.values() if isinstance(one, VolInstConfig)),
            instances=tuple(one for one in there.values() if isinstance(one, AppInstance)),
            owned=tuple(owned.values()),
            bundles={BUNDLE.id: BUNDLE},
        )
        settled = settle(
            site, self.entries(device.project_id), lambda: f"object-{next(self.ids)}", NOW
        )
        assert settled.faults == ()
        for gone, item in settled.delete:
            del there[item.id], owned[gone.object_id]
        for made in settled.made:
            there[made.item.id] = made.item
            entry = made.entry
            owned[made.item.id] = Owned(
                made.item.id, entry.source.id, entry.key, entry.makes, entry.digest
            )
        return bool(settled)

    def seen(self) -> set[tuple[str, str, str, str]]:
        """What every node carries, without the ids that chance gave."""
        names = {
            item.id: item.name
            for there in self.carried.values()
            for item in there.values()
            if isinstance(item, NetInstConfig | VolInstConfig | AppInstance)
        }
        return {
            (node, one.key, names[one.object_id], one.digest)
            for node, owned in self.owned.items()
            for one in owned.values()
        }


def node(number: int, project: str, tag: str, tags: dict[str, str]) -> DeviceConfig:
    return DeviceConfig.from_json(
        {
            "id": f"node-{number}",
            "name": f"edge-{number}",
            "projectId": project,
            "deploymentTag": tag,
            "tags": tags,
            "interfaces": [{"intfname": "eth0"}],
        }
    )


def deployment(project: str, tag: str, conditions: list[dict[str, str]], cpus: int) -> Deployment:
    network = {
        "metaData": {"name": "nat", "tags": {"net": "nat"}},
        "netInstConfig": {"kind": "NETWORK_INSTANCE_KIND_LOCAL", "port": "eth0"},
    }
    apps = [
        {
            "metaData": {"name": f"web-{n}", "policyTargetCondition": condition},
            "appInstConfig": {
                "bundleId": "bundle",
                "cpus": cpus,
                "namingScheme": "APP_NAMING_SCHEMEV2_APP_DEVICE",
                "interfaces": [{"intfname": "eth0", "netinsttag": {"net": "nat"}}],
            },
        }
        for n, condition in enumerate(conditions)
    ]
    return Deployment.from_json(
        {
            "id": f"deployment-{project}-{tag}",
            "name": f"{project}-{tag}",
            "projectId": project,
            "deploymentTag": tag,
            "networkInstPolicies": [network] if conditions else [],
            "appInstPolicies": apps,
        }
    )


def project(name: str, *, network: bool) -> Tag:
    return Tag.from_json(
        {
            "id": name,
            "name": name,
            "networkPolicy": {
                "networkPolicy": {
                    "netInstanceConfig": [
                        {"name": "lan", "kind": "NETWORK_INSTANCE_KIND_LOCAL", "port": "eth0"}
                    ]
                    if network
                    else []
                }
            },
        }
    )


Step = Callable[[Fleet], None]


def put_node(fleet: Fleet, number: int, where: str, tag: str, tags: dict[str, str]) -> None:
    device = node(number, where, tag, tags)
    fleet.nodes[device.id] = device
    fleet.wanted.add(device.id)


def delete_node(fleet: Fleet, number: int) -> None:
    gone = f"node-{number}"
    fleet.nodes.pop(gone, None)
    fleet.carried.pop(gone, None)
    fleet.owned.pop(gone, None)


def put_deployment(
    fleet: Fleet, where: str, tag: str, conditions: list[dict[str, str]], cpus: int
) -> None:
    one = deployment(where, tag, conditions, cpus)
    fleet.deployments[one.id] = one
    fleet.touch(where)


def delete_deployment(fleet: Fleet, where: str, tag: str) -> None:
    fleet.deployments.pop(f"deployment-{where}-{tag}", None)
    fleet.touch(where)


def put_project(fleet: Fleet, where: str, network: bool) -> None:  # noqa: FBT001 - drawn
    fleet.projects[where] = project(where, network=network)
    fleet.touch(where)


def run_job(fleet: Fleet, number: int) -> None:
    waiting = sorted(fleet.wanted)
    if waiting:
        fleet.look_at(waiting[number % len(waiting)])


CONDITIONS = st.dictionaries(st.sampled_from(KEYS), st.sampled_from("ab"), max_size=2)
NUMBERS, WHERE, WHICH = st.integers(0, 3), st.sampled_from(PROJECTS), st.sampled_from(TAGS)


def steps() -> st.SearchStrategy[Step]:
    return st.one_of(
        st.builds(
            partial, st.just(put_node), number=NUMBERS, where=WHERE, tag=WHICH, tags=CONDITIONS
        ),
        st.builds(partial, st.just(delete_node), number=NUMBERS),
        st.builds(
            partial,
            st.just(put_deployment),
            where=WHERE,
            tag=WHICH,
            conditions=st.lists(CONDITIONS, max_size=2),
            cpus=st.integers(1, 2),
        ),
        st.builds(partial, st.just(delete_deployment), where=WHERE, tag=WHICH),
        st.builds(partial, st.just(put_project), where=WHERE, network=st.booleans()),
        st.builds(partial, st.just(run_job), number=NUMBERS),
    )


def fresh() -> Fleet:
    return Fleet(projects={name: project(name, network=False) for name in PROJECTS})


def settle_all(fleet: Fleet, order: random.Random) -> None:
    """Every node that waits, in any order."""
    while fleet.wanted:
        fleet.look_at(order.choice(sorted(fleet.wanted)))


@settings(max_examples=1000, deadline=None)
@given(st.lists(steps(), max_size=25), st.randoms(use_true_random=False))
def test_every_history_ends_in_the_set_that_the_last_facts_ask_for(
    history: list[Step], order: random.Random
) -> None:
    fleet = fresh()
    for step in history:
        step(fleet)
    settle_all(fleet, order)
    anew = replace(fleet, carried={}, owned={}, wanted=set(fleet.nodes))
    settle_all(anew, order)
    assert fleet.seen() == anew.seen()
    assert not any(fleet.look_at(one) for one in fleet.nodes)  # nothing is left to do


@settings(max_examples=200, deadline=None)
@given(CONDITIONS, CONDITIONS, st.sampled_from(TAGS))
def test_an_explanation_names_a_term_just_where_a_node_does_not_match(
    tags: dict[str, str], condition: dict[str, str], tag: str
) -> None:
    fleet = fresh()
    put_deployment(fleet, "north", "v1", [condition], 1)
    put_node(fleet, 1, "north", tag, tags)
    device = fleet.nodes["node-1"]
    site = Site(device)
    for entry in fleet.entries("north"):
        (told,) = explain(entry.selector, (site.node,))
        assert told.matches == matches(entry.selector, site.node) == (not told.reasons)
