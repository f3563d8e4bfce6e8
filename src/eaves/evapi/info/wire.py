"""Codec pair of the info message."""

from eaves.evapi.codec import Codec
from eaves.evapi.info.info import ZInfoMsg
from eaves.evapi.pb.info import info_pb2

Z_INFO_MSG = Codec(ZInfoMsg, info_pb2.ZInfoMsg)


def decode_z_info_msg(data: bytes) -> ZInfoMsg:
    return Z_INFO_MSG.decode(data)


def encode_z_info_msg(message: ZInfoMsg) -> bytes:
    return Z_INFO_MSG.encode(message)
