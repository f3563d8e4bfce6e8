"""Certificates, nonce, quote and key escrow of a device.  attest/attest.proto; section 6.3.

Everything is a value: what a quote means is decided by whoever knows the nonce, the certificate
and the policy.
"""

from dataclasses import dataclass, field

from eaves.evapi.certs import ZCert
from eaves.evapi.codec import Codec, OpenEnum
from eaves.evapi.direct import SharedParts, varint
from eaves.evapi.pb.attest import attest_pb2

NONCE_BYTES = range(12, 33)  # outside of it the TPM of a device gives an empty quote
QUOTE_REQUEST_BYTES = 63_488  # the largest request a device makes; event logs are dropped to fit
_MOST_SEALED = 15  # PCRs that a vault may be sealed to
_NEVER_SEALED = 5  # the partition table: it changes by itself


class ZAttestReqType(OpenEnum):
    ATTEST_REQ_NONE = 0
    ATTEST_REQ_CERT = 1
    ATTEST_REQ_NONCE = 2
    ATTEST_REQ_QUOTE = 3
    Z_ATTEST_REQ_TYPE_STORE_KEYS = 4


class ZAttestRespType(OpenEnum):
    ATTEST_RESP_NONE = 0
    ATTEST_RESP_CERT = 1
    ATTEST_RESP_NONCE = 2
    ATTEST_RESP_QUOTE_RESP = 3
    Z_ATTEST_RESP_TYPE_STORE_KEYS = 4


class TpmHashAlgo(OpenEnum):
    TPM_HASH_ALGO_INVALID = 0
    TPM_HASH_ALGO_SHA1 = 1
    TPM_HASH_ALGO_SHA256 = 2
    TPM_HASH_ALGO_SHA512 = 3


class AttestGPSInput(OpenEnum):
    ATTEST_GPS_INPUT_INVALID = 0
    ATTEST_GPS_INPUT_PRESENT = 1
    ATTEST_GPS_INPUT_ABSENT = 2


class AttestVersionType(OpenEnum):
    ATTEST_VERSION_TYPE_INVALID = 0
    ATTEST_VERSION_TYPE_EVE = 1
    ATTEST_VERSION_TYPE_FIRMWARE = 2
    ATTEST_VERSION_TYPE_EVE_ORIGIN = 3


class ZAttestResponseCode(OpenEnum):
    Z_ATTEST_RESPONSE_CODE_INVALID = 0
    Z_ATTEST_RESPONSE_CODE_SUCCESS = 1
    Z_ATTEST_RESPONSE_CODE_NONCE_MISMATCH = 2
    Z_ATTEST_RESPONSE_CODE_NO_CERT_FOUND = 3
    Z_ATTEST_RESPONSE_CODE_QUOTE_FAILED = 4


class AttestVolumeKeyType(OpenEnum):
    ATTEST_VOLUME_KEY_TYPE_INVALID = 0
    ATTEST_VOLUME_KEY_TYPE_VSK = 1


class AttestVolumeKeyVersion(OpenEnum):
    ATTEST_VOLUME_KEY_VERSION_LEGACY = 0
    ATTEST_VOLUME_KEY_VERSION_V1 = 1


class AttestStorageKeysResponseCode(OpenEnum):
    ATTEST_STORAGE_KEYS_RESPONSE_CODE_INVALID = 0
    ATTEST_STORAGE_KEYS_RESPONSE_CODE_SUCCESS = 1
    ATTEST_STORAGE_KEYS_RESPONSE_CODE_ITOKEN_MISMATCH = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TpmPCRValue:
    index: int = 0
    hash_algo: TpmHashAlgo = TpmHashAlgo.TPM_HASH_ALGO_INVALID
    value: bytes = b""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestVersionInfo:
    version_type: AttestVersionType = AttestVersionType.ATTEST_VERSION_TYPE_INVALID
    version: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestGPSCoordinates:
    gps_input: AttestGPSInput = AttestGPSInput.ATTEST_GPS_INPUT_INVALID
    latitude: float = 0.0
    longitude: float = 0.0
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZAttestQuote:
    """Without a TPM only `versions` is filled.  The deprecated event log travels in `rest`."""

    attest_data: bytes = b""  # TPMS_ATTEST, see eaves.evapi.quote
    signature: bytes = b""  # ASN.1 DER, unlike that of an envelope
    pcr_values: tuple[TpmPCRValue, ...] = ()
    versions: tuple[AttestVersionInfo, ...] = ()
    gps_info: AttestGPSCoordinates | None = None
    tpm_binary_event_log: bytes = field(default=b"", repr=False)  # gzip
    rest: bytes = field(default=b"", repr=False)

    @property
    def place(self) -> tuple[float, float] | None:
        """Latitude and longitude, where the device told some that there are."""
        told = self.gps_info
        if told is None or told.gps_input is not AttestGPSInput.ATTEST_GPS_INPUT_PRESENT:
            return None
        if not (abs(told.latitude) <= 90 and abs(told.longitude) <= 180):  # also what is no number
            return None
        return told.latitude, told.longitude


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestPolicyPcrList:
    pcr_indices: tuple[int, ...] = ()
    policy_id: int = 0
    rest: bytes = field(default=b"", repr=False)

    @property
    def is_taken(self) -> bool:
        """Does a device seal to these PCRs?  If not, it goes on as before.  Security page, 3.4."""
        wanted = self.pcr_indices
        return (
            0 in wanted
            and _NEVER_SEALED not in wanted
            and len(set(wanted)) == len(wanted) <= _MOST_SEALED
            and all(index in range(16) for index in wanted)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestVolumeKey:
    key_type: AttestVolumeKeyType = AttestVolumeKeyType.ATTEST_VOLUME_KEY_TYPE_INVALID
    key: bytes = field(default=b"", repr=False)  # AttestVolumeKeyData; a controller keeps it as is
    has_policy_pcr_list: bool = False
    policy_pcr_list: AttestPolicyPcrList | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestVolumeKeyData:
    encrypted_key: bytes = field(default=b"", repr=False)
    digest_sha256: bytes = b""
    version: AttestVolumeKeyVersion = AttestVolumeKeyVersion.ATTEST_VOLUME_KEY_VERSION_LEGACY
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestStorageKeys:
    integrity_token: bytes = field(default=b"", repr=False)
    keys: tuple[AttestVolumeKey, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZAttestReq:
    req_type: ZAttestReqType = ZAttestReqType.ATTEST_REQ_NONE
    quote: ZAttestQuote | None = None
    certs: tuple[ZCert, ...] = ()
    storage_keys: AttestStorageKeys | None = None
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZAttestNonceResp:
    nonce: bytes = b""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZAttestQuoteResp:
    response: ZAttestResponseCode = ZAttestResponseCode.Z_ATTEST_RESPONSE_CODE_INVALID
    integrity_token: bytes = field(default=b"", repr=False)
    keys: tuple[AttestVolumeKey, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestStorageKeysResp:
    response: AttestStorageKeysResponseCode = (
        AttestStorageKeysResponseCode.ATTEST_STORAGE_KEYS_RESPONSE_CODE_INVALID
    )
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZAttestResponse:
    resp_type: ZAttestRespType = ZAttestRespType.ATTEST_RESP_NONE
    nonce: ZAttestNonceResp | None = None
    quote_resp: ZAttestQuoteResp | None = None
    storage_keys_resp: AttestStorageKeysResp | None = None
    rest: bytes = field(default=b"", repr=False)


_Z_ATTEST_REQ = Codec(ZAttestReq, attest_pb2.ZAttestReq)
decode_z_attest_req = _Z_ATTEST_REQ.decode
encode_z_attest_req = _Z_ATTEST_REQ.encode

_Z_ATTEST_QUOTE = Codec(ZAttestQuote, attest_pb2.ZAttestQuote)


def encode_quote_request(quote: ZAttestQuote, shared: SharedParts) -> bytes:
    """As `encode_z_attest_req` of a request with this quote, where many say the same in parts."""
    said = _Z_ATTEST_QUOTE.encode_with(quote, shared)
    return b"".join((b"\x08\x03\x12", varint(len(said)), said))


_Z_ATTEST_RESPONSE = Codec(ZAttestResponse, attest_pb2.ZAttestResponse)
decode_z_attest_response = _Z_ATTEST_RESPONSE.decode
encode_z_attest_response = _Z_ATTEST_RESPONSE.encode

_VOLUME_KEY_DATA = Codec(AttestVolumeKeyData, attest_pb2.AttestVolumeKeyData)
decode_attest_volume_key_data = _VOLUME_KEY_DATA.decode
encode_attest_volume_key_data = _VOLUME_KEY_DATA.encode
