"""Requests to a SCEP server that the controller passes on.  proxy/scep.proto, section 13."""

from dataclasses import dataclass, field

from eaves.evapi.codec import Codec, OpenEnum
from eaves.evapi.pb.proxy import scep_pb2


class SCEPOperation(OpenEnum):
    SCEP_OPERATION_UNSPECIFIED = 0
    SCEP_OPERATION_GET_CA_CAPS = 1
    SCEP_OPERATION_GET_CA_CERT = 2
    SCEP_OPERATION_GET_NEXT_CA_CERT = 3
    SCEP_OPERATION_PKI_MESSAGE = 4


class HTTPMethod(OpenEnum):
    HTTP_METHOD_UNSPECIFIED = 0
    HTTP_METHOD_GET = 1
    HTTP_METHOD_POST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPHeaderField:
    name: str = ""
    value: str = ""
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SCEPProxyRequest:
    scep_profile_name: str = ""
    operation: SCEPOperation = SCEPOperation.SCEP_OPERATION_UNSPECIFIED
    message: bytes = field(default=b"", repr=False)
    http_method: HTTPMethod = HTTPMethod.HTTP_METHOD_UNSPECIFIED
    http_header_fields: tuple[HTTPHeaderField, ...] = ()
    rest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SCEPProxyResponse:
    scep_profile_name: str = ""
    operation: SCEPOperation = SCEPOperation.SCEP_OPERATION_UNSPECIFIED
    message: bytes = field(default=b"", repr=False)
    http_status_code: int = 0
    http_header_fields: tuple[HTTPHeaderField, ...] = ()
    error_body: bytes = field(default=b"", repr=False)
    rest: bytes = field(default=b"", repr=False)


SCEP_PROXY_REQUEST = Codec(SCEPProxyRequest, scep_pb2.SCEPProxyRequest)
SCEP_PROXY_RESPONSE = Codec(SCEPProxyResponse, scep_pb2.SCEPProxyResponse)
