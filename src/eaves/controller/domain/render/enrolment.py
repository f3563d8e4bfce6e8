"""802.1X: ports that authenticate themselves, and how the device enrols the certificate for it.

The policy of the project switches it on and names the profile; each port says whether it takes
part.
"""

from dataclasses import dataclass

from eaves.controller.domain.contract import enrolment as contract
from eaves.controller.domain.contract.base import JsonObject
from eaves.controller.domain.contract.devices import DeviceConfig
from eaves.controller.domain.contract.projects import Tag
from eaves.controller.domain.inputs import DeviceInputs
from eaves.controller.domain.render.adapters import ports_of
from eaves.controller.domain.render.encoded import pem_of
from eaves.controller.domain.render.secrets import NO_ECDH, Secrets
from eaves.evapi import config as eve
from eaves.evapi.evecommon import EncryptionBlock

CHALLENGE = "challengePassword"
METHODS = {"EAP_METHOD_TLS": eve.EAPMethod.EAP_METHOD_TLS}
KEYS = {
    contract.KeyType.RSA_2048: eve.KeyType.KEY_TYPE_RSA_2048,
    contract.KeyType.RSA_3072: eve.KeyType.KEY_TYPE_RSA_3072,
    contract.KeyType.RSA_4096: eve.KeyType.KEY_TYPE_RSA_4096,
}
HASHES = {
    contract.HashAlgorithm.SHA256: eve.ScepHashAlgorithm.HASH_ALGORITHM_SHA256,
    contract.HashAlgorithm.SHA384: eve.ScepHashAlgorithm.HASH_ALGORITHM_SHA384,
    contract.HashAlgorithm.SHA512: eve.ScepHashAlgorithm.HASH_ALGORITHM_SHA512,
}


@dataclass(frozen=True, slots=True)
class PortAccess:
    profiles: tuple[eve.SCEPProfile, ...] = ()
    pnacs: tuple[eve.PNAC, ...] = ()
    missing: tuple[str, ...] = ()


def policy_of(project: Tag) -> JsonObject:
    """Empty where the project has none."""
    policy = project.port_based_network_access_control_policy
    body = policy.port_based_network_access_control_policy if policy is not None else None
    return body or {}


def profile_id_of(project: Tag) -> str:
    """The certificate enrolment profile that the policy of the project names; empty if none."""
    return str(policy_of(project).get("certificateEnrollmentId") or "")


NO_ACCESS = PortAccess()


def _labels(device: DeviceConfig) -> tuple[str, ...]:
    return tuple(
        label for label, port in ports_of(device) if port.enable_port_based_network_access_control
    )


def port_access(inputs: DeviceInputs, secrets: Secrets) -> PortAccess:
    device, project = inputs.device, inputs.project
    of = (device.interfaces, device.vlan_adapters, device.bond_adapter)
    labels = inputs.once("ports with 802.1X", of, lambda: _labels(device))
    if project is None or not labels:
        return NO_ACCESS
    policy = policy_of(project)
    if not policy.get("enablePortBasedNetworkAccessControl"):
        why = (
            f"ports {', '.join(labels)} ask for 802.1X, and project {project.name!r} has no policy "
            "that enables it; give it one, or take it off the ports"
        )
        return PortAccess(missing=(why,))
    found = inputs.enrolments.get(profile_id_of(project))
    profiles, missing = _profiles(found, secrets)
    method = METHODS.get(str(policy.get("eapMethod")), eve.EAPMethod.EAP_METHOD_UNSPECIFIED)
    pnacs = tuple(
        eve.PNAC(
            logicallabel=label,
            eap_identity=str(policy.get("eapIdentity") or ""),
            eap_method=method,
            cert_enrollment_profile_name=found.name if found is not None else "",
        )
        for label in labels
    )
    return PortAccess(profiles, pnacs, missing)


def _profiles(
    profile: contract.SCEPProfile | None, secrets: Secrets
) -> tuple[tuple[eve.SCEPProfile, ...], tuple[str, ...]]:
    if profile is None:
        return (), ()
    missing: list[str] = []
    what = f"certificate enrolment profile {profile.name!r}"
    password = secrets.clear(profile.id, CHALLENGE)
    cipher = None
    if password and secrets.sealer is None:
        missing.append(f"{what} goes without its password: {NO_ECDH}")
    elif password and secrets.sealer is not None:
        block = EncryptionBlock(scep_challenge_password=password)
        cipher = secrets.sealer.seal(f"enrolment/{profile.id}", block)
    made = eve.SCEPProfile(
        profile_name=profile.name,
        scep_url=profile.scep_url,
        use_controller_proxy=profile.use_controller_proxy,
        scep_challenge_password=cipher,
        ca_cert_pem=tuple(pem_of(text) for text in profile.ca_cert_pem),
        csr_profile=_request(profile.csr_profile or contract.CSRProfile()),
    )
    return (made,), tuple(missing)


def _request(asked: contract.CSRProfile) -> eve.CSRProfile:
    return eve.CSRProfile(
        common_name=asked.common_name,
        organization=asked.organization,
        organizational_unit=asked.organizational_unit,
        country=asked.country,
        state=asked.state,
        locality=asked.locality,
        san_uri=asked.san_uri,
        san_email=asked.san_email,
        renew_period_percent=asked.renew_period_percent,
        key_type=KEYS.get(asked.key_type, eve.KeyType.KEY_TYPE_UNSPECIFIED),
        hash_algorithm=HASHES.get(
            asked.hash_algorithm, eve.ScepHashAlgorithm.HASH_ALGORITHM_UNSPECIFIED
        ),
    )
