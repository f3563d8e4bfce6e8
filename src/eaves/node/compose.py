"""The node put together from its parts."""

import secrets
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric import ec

from eaves import __version__
from eaves.errors import EavesError
from eaves.evapi.attest import AttestGPSCoordinates
from eaves.evapi.config import CipherBlock, EdgeDevConfig, EncryptionBlock
from eaves.evapi.device_certs import Chance
from eaves.evapi.flows.attest import Quoter, stated_versions, versions_only
from eaves.evapi.flows.onboard import Applicant
from eaves.evapi.info import BootReason
from eaves.evapi.pem import certificate_key, load_certificate
from eaves.ids import AppInstanceId
from eaves.node.baseos.booted import Booted
from eaves.node.checkpoint import Checkpoint
from eaves.node.comms.folder import ConfigFolder, serials
from eaves.node.comms.identity import KeyUnusable, load_identity, onboarding_identity
from eaves.node.comms.link import Link
from eaves.node.comms.outbox import Outbox
from eaves.node.comms.secrets import Decryptor, contexts_of
from eaves.node.comms.transport import Transport
from eaves.node.connectivity import download_ways, takeover_of, uplinks_of
from eaves.node.containers.subsystem import ContainersSubsystem
from eaves.node.cpus.subsystem import CpusSubsystem
from eaves.node.domains.subsystem import DomainsSubsystem
from eaves.node.enrolment.client import by_controller, exchange
from eaves.node.enrolment.decide import Server
from eaves.node.enrolment.enroller import Enroller, Means
from eaves.node.enrolment.kept import Store
from eaves.node.enrolment.scep import Ask
from eaves.node.host import affinity
from eaves.node.host.can import CanKeeper
from eaves.node.host.inventory import Sysfs
from eaves.node.host.isolation import Isolation
from eaves.node.host.journal import LogGate
from eaves.node.host.leds import Leds
from eaves.node.host.machine import Host
from eaves.node.host.notify import own_notifier
from eaves.node.host.sriov import FunctionMaker
from eaves.node.host.usb_files import UsbFiles
from eaves.node.host.vfio import PciTaker
from eaves.node.ios.subsystem import IosSubsystem
from eaves.node.network.refusals import Facts, clamps_mss, has_legacy_macs
from eaves.node.network.watched import WatchedNetwork
from eaves.node.refs import EMULATOR_UIDS, Passed, PortCredentials, emulator_uid
from eaves.node.runtime.budget import Budget, budget_of
from eaves.node.runtime.conversation import Conversation
from eaves.node.runtime.device_status import Identity
from eaves.node.runtime.engine import Engine, Surroundings
from eaves.node.runtime.geolocation import Geolocation
from eaves.node.runtime.giving_usb import GivenUsb, GivingUsb
from eaves.node.runtime.isolating import Isolating
from eaves.node.runtime.light import Light, Standing
from eaves.node.runtime.local_console import LocalConsole
from eaves.node.runtime.local_decisions import LocalDecisions
from eaves.node.runtime.log_store import LogStore
from eaves.node.runtime.os_updates import Beside, base_os, unsettled
from eaves.node.runtime.os_updates import Boot as BootOfMachine
from eaves.node.runtime.parts import Parts
from eaves.node.runtime.patch_shelf import PatchShelf, found_file
from eaves.node.runtime.route_probes import Probed, RouteProber, probed_routes
from eaves.node.runtime.safekeeping import Safekeeping
from eaves.node.runtime.security_module import SecurityModule
from eaves.node.runtime.service import Service
from eaves.node.runtime.status_file import is_running, read_status
from eaves.node.runtime.workloads import Workloads, network_items
from eaves.node.settings import (
    HostPower,
    Settings,
)
from eaves.node.status_text import status_text
from eaves.node.storage.authorizers import Credentials
from eaves.node.storage.subsystem import StorageSubsystem
from eaves.node.tpm.device import Tpm
from eaves.node.tpm.health import Health
from eaves.node.tpm.quoter import TpmQuoter
from eaves.node.uplinks.position import quoted_position
from eaves.node.vault_command import NO_TPM_HERE, vault_of
from eaves.reconcile.item import ItemRef

log = structlog.get_logger(__name__)

VERSION = f"eaves-{__version__}"


def monotonic_clock() -> Callable[[], datetime]:
    """Times that advance evenly: a clock set by decades must trigger nothing."""
    wall, start = datetime.now(UTC), time.monotonic()
    return lambda: wall + timedelta(seconds=time.monotonic() - start)


class Node:
    """Every part of a node, built in order; `service` and `applicant` are what then runs.

    Parts refer to each other by methods, which are called only once all of them exist.
    """

    def __init__(
        self,
        settings: Settings,
        folder: ConfigFolder,
        checkpoint: Checkpoint,
        transport: Transport,
        device_log: Path,
        log_gate: LogGate,
        tpm: Tpm | None,
        booted: Booted | None,
        boot: BootOfMachine,
    ) -> None:
        self.settings, self.checkpoint, self.tpm = settings, checkpoint, tpm
        self.log_gate = log_gate
        self.version = booted.running.version if booted else VERSION
        self.host = Host()
        self.machine = self.host.machine()
        self.clock = monotonic_clock()
        self.facts = identity_facts(settings, folder, checkpoint, boot.text)
        self.identity = load_identity(
            settings.state_dir / "identity", lambda: Chance(now(), secrets.token_bytes), tpm
        )
        self.local = LocalDecisions(checkpoint)
        self.used_tpm = tpm if self.identity.in_tpm else None
        self.link = Link(transport, self.identity, folder.root_certificate, now)
        self.vault = vault_of(
            settings, self.used_tpm, _no_vault(tpm), lambda: unsettled(self.system)
        )
        self.vault.find()
        self.kept = self.vault.folder.path if self.vault.encrypted else settings.state_dir
        self.safekeeping = Safekeeping(
            self.vault,
            self.identity.ecdh,
            device_key(self.identity.device_cert_pem),
            opened=lambda: open_storage(self.storage, self.engine),
            due=self._attest_again,
            changed=self.changed,
        )
        self.uplinks = uplinks_of(
            settings,
            folder.server,
            checkpoint,
            self.clock,
            self.changed,
            self.opened,
            self._credentials,
        )
        transport.ways = self.uplinks.keeper
        self.storage = self._storage()
        self.network = WatchedNetwork(settings.table, settings.run_dir, self.uplinks.ports)
        self.prober = RouteProber(self._routes, self.changed)
        self.controller = urlsplit(folder.server).hostname or ""
        self.engine, self.workloads = self._engine(device_log)
        self.conversation = self._conversation()
        self.system = base_os(booted, boot, self._beside()) if booted else None
        self.enroller = self._enroller()
        self.geolocation = Geolocation(
            folder.geo_service,
            self.uplinks.keeper.addresses,
            self.uplinks.keeper.aside,
            lambda: self.service.items,
            time.monotonic,
            self.changed,
        )
        self.service = Service(self._parts(), Outbox(time.monotonic))
        self.conversation.console = LocalConsole(
            self.link, self.local, lambda: self.service.local, self.service.device_info
        )
        self.applicant = Applicant(
            self.identity.sender,
            self.identity.device_cert_pem,
            onboarding_identity(folder),
            *serials(folder, self.machine.serial),
        )

    # What the parts ask of each other

    def decryptor(self) -> Decryptor:
        link, config = self.link, self.conversation.heard.config
        trusts = (*((link.trust,) if link.trust else ()), *self.conversation.believed)
        certs = tuple(c for t in trusts for c in (t.current, t.previous) if c is not None)
        own = frozenset(c.cert_hash for c in self.identity.certs)
        return Decryptor(contexts_of(config), lambda: certs, self.identity.ecdh, own)

    def opened(self, block: CipherBlock) -> EncryptionBlock:
        return self.decryptor().open(block)

    def _credentials(self, profile: str) -> PortCredentials:
        return self.enroller.credentials(profile)

    def changed(self) -> None:
        self.service.changed()

    async def _not_brought(self, base: str, error: EavesError) -> None:
        await self.service.traces.not_brought(base, error)

    def _watched(self, base: str) -> AbstractContextManager[None]:
        return self.service.traces.captures.around(base)

    def _reachable(self) -> None:
        self.service.reachable()

    def _attest_again(self) -> None:
        self.conversation.attesting.again()

    def _retry(self, ref: ItemRef) -> None:
        self.engine.reconciler.retry(ref)

    def _reboot_for_system(self, reason: BootReason, why: str) -> None:
        self.service.reboot_for_system(reason, why)

    def _system_changed(self) -> None:
        self.service.system_changed()

    def _held(self, app: AppInstanceId) -> AbstractAsyncContextManager[None]:
        return self.workloads.held(app)

    async def _follow(self, config: EdgeDevConfig) -> None:
        await self.service.follow(config)

    def _tpm_changed(self) -> None:
        # What a failing TPM held back is asked for again, and so is what it now holds back.
        self.conversation.read_again()
        self.service.changed()

    def _network_facts(self) -> Facts:
        return Facts(
            self.network.known_tracking,
            self.prober.chosen,
            self.controller,
            clamp_mss=clamps_mss(self.service.items),
            legacy_macs=has_legacy_macs(self.service.items),
        )

    def _budget(self) -> Budget:
        return budget_of(self.service.items, self.machine.memory_mib, affinity.usable())

    def _routes(self) -> tuple[Probed, ...]:
        wish = self.engine.wish
        if wish is None:
            return ()
        items = network_items(wish)
        return probed_routes(wish.config, self.engine.ports, items, self.controller)

    # The parts

    def _storage(self) -> StorageSubsystem:
        return StorageSubsystem(
            self.vault.folder.path,
            self.clock,
            uplinks=download_ways(self.uplinks),
            pace=self.uplinks.keeper.pace,
            failed=self._not_brought,
            watched=self._watched,
            door=self.vault.closed,
            retry=self._retry,
            pause=self._held,
            credentials=lambda key: datastore_secret(
                key, self.conversation.heard.config, self.decryptor()
            ),
        )

    def _engine(self, device_log: Path) -> tuple[Engine, Workloads]:
        settings, clock = self.settings, self.clock
        domains = DomainsSubsystem(settings.name, self.kept, settings.run_dir, self.storage, clock)
        containers = ContainersSubsystem(
            settings.name, self.kept, settings.run_dir, self.storage, clock
        )
        workloads = Workloads(domains, containers, self.network, device_log)
        cpus = CpusSubsystem(workloads.running)
        ios = IosSubsystem(
            PciTaker(settings.run_dir / "vfio"),
            FunctionMaker(settings.run_dir / "sriov"),
            CanKeeper(settings.run_dir / "can"),
        )
        engine = Engine(
            self.checkpoint,
            (self.storage, self.network, domains, containers, cpus, ios),
            Surroundings(
                lambda config: self.network.ports(self.local.localise(config)),
                self.opened,
                settings.table,
                self._network_facts,
                self.local.localise,
                self._budget,
                Sysfs().parts,
            ),
            clock,
            self.changed,
        )
        return engine, workloads

    def _conversation(self) -> Conversation:
        return Conversation(
            self.link,
            self.checkpoint,
            self._quoter(),
            lambda: self.service.items,
            self._follow,
            self._reachable,
            self.safekeeping,
            lambda answer: self.system.heard(answer) if self.system else None,
            lambda: self.system.poll_within_s() if self.system else float("inf"),
        )

    def _quoter(self) -> Quoter:
        machine = self.machine
        parts = (machine.bios_vendor, machine.bios_version, machine.bios_date)
        firmware = "-".join(part for part in parts if part)
        if self.used_tpm is None:
            return versions_only(self.version, firmware)
        versions = stated_versions(self.version, firmware)

        def location() -> AttestGPSCoordinates | None:
            return quoted_position(self.service.position)

        return TpmQuoter(self.used_tpm, self.settings.event_log, versions, location)

    def _beside(self) -> Beside:
        return Beside(
            checkpoint=self.checkpoint,
            storage=self.storage,
            engine=self.engine,
            safekeeping=self.safekeeping,
            items=lambda: self.service.items,
            reboot=self._reboot_for_system,
            changed=self._system_changed,
            now=now,
            state_dir=self.settings.state_dir,
            event_log=self.settings.event_log,
        )

    def _parts(self) -> Parts:
        settings, tpm = self.settings, self.tpm
        health = Health(self.used_tpm, self._tpm_changed) if self.used_tpm else None
        return Parts(
            engine=self.engine,
            conversation=self.conversation,
            checkpoint=self.checkpoint,
            storage=self.storage,
            workloads=self.workloads,
            host=self.host,
            logs=LogStore(settings.state_dir / "logs", now),
            log_gate=self.log_gate,
            identity=self.facts,
            security=SecurityModule(tpm.tcti if tpm else "", health),
            safekeeping=self.safekeeping,
            uplinks=self.uplinks,
            takeover=takeover_of(settings, self.uplinks, self.clock),
            config_dir=settings.config_dir,
            powers_off=settings.host_power is HostPower.REAL,
            state_dir=settings.state_dir,
            run_dir=settings.run_dir,
            now=now,
            version=self.version,
            base_os=self.system,
            giving_usb=GivingUsb(UsbFiles(EMULATOR_UIDS), self._given_usb),
            isolating=self._isolating() if self.system else None,
            light=Light(Leds(), self._standing) if self.system else None,
            notifier=own_notifier(),
            table=settings.table,
            prober=self.prober,
            local=self.local,
            patches=PatchShelf(
                lambda: self.engine.wish.config if self.engine.wish else None,
                lambda ref: found_file(self.storage.content_file(ref)),
                lambda block: self.decryptor().clear(block),
                self.checkpoint,
            ),
            diagnose=lambda: diagnosis(settings),
            enroller=self.enroller,
            geolocation=self.geolocation,
        )

    def _given_usb(self) -> tuple[GivenUsb, ...]:
        if (wish := self.engine.wish) is None:
            return ()
        return tuple(
            GivenUsb(rule, emulator_uid(app.number))
            for app in wish.apps
            if (passed := wish.assigned.passed.get(app.app)) is not None
            for rule in passed.usb
        )

    def _isolating(self) -> Isolating:
        def passed() -> tuple[Passed, ...]:
            wish = self.engine.wish
            return tuple(wish.assigned.passed.values()) if wish else ()

        return Isolating(Isolation(), lambda: self.service.items, passed)

    def _standing(self) -> Standing:
        heard, link = self.conversation.heard, self.link
        return Standing(
            addressed=any(port.addresses for port in self.engine.ports),
            answered=link.transport.counts.last_success is not None,
            onboarded=link.device_id is not None,
            problem=heard.unreachable or link.standing.waiting_for,
            radio_silence=self.local.state.radio_silence,
        )

    def _enroller(self) -> Enroller:
        async def to_server(server: Server, ask: Ask) -> bytes:
            if server.by_controller:
                return await by_controller(server.profile, ask, self.link.pass_on)
            return await exchange(server.url, ask, await self.uplinks.keeper.choose(server.url))

        return Enroller(
            Means(
                Store(self.kept / "enrolment"),
                to_server,
                self.opened,
                self.vault.closed,
                lambda: self.service.items.seconds("scep.retry.interval"),
                now,
                self.changed,
            )
        )


def diagnosis(settings: Settings) -> str:
    """What `eaves node status` says, for an app: without what it says of apps."""
    seen = read_status(settings.run_dir)
    if seen is None:
        return ""
    return status_text(msgspec.structs.replace(seen, apps=[], unmet=[]), running=is_running(seen))


def _no_vault(tpm: Tpm | None) -> str:
    if tpm is None:
        return NO_TPM_HERE
    return "the keys of this device are on disk, not in its TPM"


def open_storage(storage: StorageSubsystem, engine: Engine) -> None:
    """The vault is open: what waited for it is tried at once."""
    storage.opened()
    for ref in engine.reconciler.intended:
        if ref.kind in storage.kinds:
            engine.reconciler.retry(ref)


def device_key(certificate_pem: bytes) -> ec.EllipticCurvePublicKey:
    key = certificate_key(load_certificate(certificate_pem))
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise KeyUnusable("device.cert.pem", "it is not of an EC key")
    return key


def identity_facts(
    settings: Settings, folder: ConfigFolder, checkpoint: Checkpoint, boot_text: str
) -> Identity:
    return Identity(
        host_name=checkpoint.fact("uuid") or settings.name,
        root_ca=folder.root_certificate,
        boot_time=datetime.fromisoformat(checkpoint.fact("boot_time") or now().isoformat()),
        boot_reason=BootReason(checkpoint.number("boot_reason") or 0),
        boot_text=checkpoint.fact("boot_text") or boot_text,
        last_reboot_time=_time(checkpoint.fact("last_reboot_time")),
        restart_counter=checkpoint.number("restart_counter") or 0,
        soft_serial=folder.soft_serial,
    )


def datastore_secret(
    key: str, config: EdgeDevConfig | None, decryptor: Decryptor
) -> Credentials | None:
    """Account and secret of the datastore that `key` (`datastore/<id>`) names."""
    wanted = key.removeprefix("datastore/")
    for store in config.datastores if config else ():
        if store.id != wanted:
            continue
        if store.cipher_data is not None:
            opened = decryptor.open(store.cipher_data)
            return Credentials(opened.ds_api_key, opened.ds_password)
        if store.api_key or store.password:
            return Credentials(store.api_key, store.password)
    return None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def now() -> datetime:
    """Wall clock: for stamps and certificates only; timers use the monotonic one."""
    return datetime.now(UTC)
