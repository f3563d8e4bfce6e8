"""Codec pairs of the messages that carry configuration."""

from eaves.evapi.codec import Codec
from eaves.evapi.config.compound_devconfig import (
    CompoundEdgeDevConfig,
    CompoundEdgeDevConfigRequest,
)
from eaves.evapi.config.devconfig import (
    BootstrapConfig,
    ConfigRequest,
    ConfigResponse,
    EdgeDevConfig,
)
from eaves.evapi.config.patch_envelope import ExternalOpaqueBinaryBlob, InlineOpaqueBase64Data
from eaves.evapi.evecommon import CipherBlock, CipherContext, EncryptionBlock
from eaves.evapi.pb.config import compound_devconfig_pb2, devconfig_pb2, patch_envelope_pb2
from eaves.evapi.pb.evecommon import acipherinfo_pb2

EDGE_DEV_CONFIG = Codec(EdgeDevConfig, devconfig_pb2.EdgeDevConfig)
CONFIG_REQUEST = Codec(ConfigRequest, devconfig_pb2.ConfigRequest)
CONFIG_RESPONSE = Codec(ConfigResponse, devconfig_pb2.ConfigResponse)
BOOTSTRAP_CONFIG = Codec(BootstrapConfig, devconfig_pb2.BootstrapConfig)
COMPOUND_REQUEST = Codec(
    CompoundEdgeDevConfigRequest, compound_devconfig_pb2.CompoundEdgeDevConfigRequest
)
COMPOUND_CONFIG = Codec(CompoundEdgeDevConfig, compound_devconfig_pb2.CompoundEdgeDevConfig)
CIPHER_BLOCK = Codec(CipherBlock, acipherinfo_pb2.CipherBlock)
CIPHER_CONTEXT = Codec(CipherContext, acipherinfo_pb2.CipherContext)
ENCRYPTION_BLOCK = Codec(EncryptionBlock, acipherinfo_pb2.EncryptionBlock)
INLINE_ARTIFACT = Codec(InlineOpaqueBase64Data, patch_envelope_pb2.InlineOpaqueBase64Data)
EXTERNAL_ARTIFACT = Codec(ExternalOpaqueBinaryBlob, patch_envelope_pb2.ExternalOpaqueBinaryBlob)


def decode_edge_dev_config(data: bytes) -> EdgeDevConfig:
    return EDGE_DEV_CONFIG.decode(data)


def encode_edge_dev_config(config: EdgeDevConfig) -> bytes:
    return EDGE_DEV_CONFIG.encode(config)


def decode_config_request(data: bytes) -> ConfigRequest:
    return CONFIG_REQUEST.decode(data)


def encode_config_request(request: ConfigRequest) -> bytes:
    return CONFIG_REQUEST.encode(request)


def decode_config_response(data: bytes) -> ConfigResponse:
    return CONFIG_RESPONSE.decode(data)


def encode_config_response(response: ConfigResponse) -> bytes:
    return CONFIG_RESPONSE.encode(response)


def decode_bootstrap_config(data: bytes) -> BootstrapConfig:
    """`signed_config` is a serialized AuthContainer whose payload is an EdgeDevConfig."""
    return BOOTSTRAP_CONFIG.decode(data)


def encode_bootstrap_config(config: BootstrapConfig) -> bytes:
    return BOOTSTRAP_CONFIG.encode(config)


def decode_compound_edge_dev_config_request(data: bytes) -> CompoundEdgeDevConfigRequest:
    return COMPOUND_REQUEST.decode(data)


def encode_compound_edge_dev_config_request(request: CompoundEdgeDevConfigRequest) -> bytes:
    return COMPOUND_REQUEST.encode(request)


def decode_compound_edge_dev_config(data: bytes) -> CompoundEdgeDevConfig:
    """`protected_config` is a serialized AuthContainer whose payload is a ConfigResponse."""
    return COMPOUND_CONFIG.decode(data)


def encode_compound_edge_dev_config(config: CompoundEdgeDevConfig) -> bytes:
    return COMPOUND_CONFIG.encode(config)


def decode_cipher_block(data: bytes) -> CipherBlock:
    return CIPHER_BLOCK.decode(data)


def encode_cipher_block(block: CipherBlock) -> bytes:
    return CIPHER_BLOCK.encode(block)


def decode_cipher_context(data: bytes) -> CipherContext:
    return CIPHER_CONTEXT.decode(data)


def encode_cipher_context(context: CipherContext) -> bytes:
    return CIPHER_CONTEXT.encode(context)


def decode_encryption_block(data: bytes) -> EncryptionBlock:
    """`data` is plaintext that a cipher block protected: never log it."""
    return ENCRYPTION_BLOCK.decode(data)


def encode_encryption_block(block: EncryptionBlock) -> bytes:
    return ENCRYPTION_BLOCK.encode(block)


def decode_inline_artifact(data: bytes) -> InlineOpaqueBase64Data:
    """`data` is plaintext that a cipher block protected: never log it."""
    return INLINE_ARTIFACT.decode(data)


def decode_external_artifact(data: bytes) -> ExternalOpaqueBinaryBlob:
    """`data` is plaintext that a cipher block protected: never log it."""
    return EXTERNAL_ARTIFACT.decode(data)
