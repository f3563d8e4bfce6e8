"""Mobile networks: access points, with their accounts sealed."""

from eaves.controller.domain.contract.networks import (
    NetCellularAccessPoint,
    NetCellularConfig,
    NetConfig,
)
from eaves.controller.domain.render.probes import cellular_probe
from eaves.controller.domain.render.secrets import NO_ECDH, Secrets
from eaves.controller.domain.secrets import CELLULAR_PARTS, cellular_field
from eaves.evapi import config as eve
from eaves.evapi.evecommon import (
    CellularAuthProtocol,
    CellularIPType,
    EncryptionBlock,
    RadioAccessTechnology,
)

# the contract spells them as the device API does
AUTH_PROTOCOLS = {one.name: one for one in CellularAuthProtocol}
NO_PROTOCOL = CellularAuthProtocol.CELLULAR_AUTH_PROTOCOL_NONE
IP_TYPES = {one.name: one for one in CellularIPType}
RATS = {one.name: one for one in RadioAccessTechnology}


def cellular_config(
    cellular: NetCellularConfig, network: NetConfig, secrets: Secrets, missing: list[str]
) -> eve.CellularConfig:
    return eve.CellularConfig(
        apn=cellular.apn,
        probe=cellular_probe(cellular.probe),
        access_points=tuple(
            _access_point(one, network, secrets, missing) for one in cellular.access_points
        ),
        activated_sim_slot=cellular.activated_sim_slot,
        location_tracking=cellular.location_tracking,
    )


def _access_point(
    point: NetCellularAccessPoint, network: NetConfig, secrets: Secrets, missing: list[str]
) -> eve.CellularAccessPoint:
    user, password, attach_user, attach_password = (
        secrets.clear(network.id, cellular_field(point.sim_slot, point.apn, part))
        for part in CELLULAR_PARTS
    )
    cipher = None
    if any((user, password, attach_user, attach_password)):
        if secrets.sealer is None:
            missing.append(
                f"network {network.name!r}: access point {point.apn!r} goes without its account: "
                f"{NO_ECDH}"
            )
        else:
            cipher = secrets.sealer.seal(
                f"cellular/{network.id}/{point.sim_slot}/{point.apn}",
                EncryptionBlock(
                    cellular_net_username=user,
                    cellular_net_password=password,
                    cellular_net_attach_username=attach_user,
                    cellular_net_attach_password=attach_password,
                ),
            )
    return eve.CellularAccessPoint(
        sim_slot=point.sim_slot,
        apn=point.apn,
        auth_protocol=AUTH_PROTOCOLS.get(point.auth_protocol, NO_PROTOCOL),
        cipher_data=cipher,
        preferred_plmns=point.preferred_plmns,
        forbid_roaming=point.forbid_roaming,
        preferred_rats=tuple(RATS[one] for one in point.preferred_rats if one in RATS),
        ip_type=IP_TYPES.get(point.ip_type, CellularIPType.CELLULAR_IP_TYPE_UNSPECIFIED),
        attach_apn=point.attach_apn,
        attach_ip_type=IP_TYPES.get(
            point.attach_ip_type, CellularIPType.CELLULAR_IP_TYPE_UNSPECIFIED
        ),
        attach_auth_protocol=AUTH_PROTOCOLS.get(point.attach_auth_protocol, NO_PROTOCOL),
    )
