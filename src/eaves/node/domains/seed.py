"""The NoCloud CD that tells a guest who it is: label `cidata`, `meta-data` and `user-data`."""

import io
from pathlib import Path
from typing import Any

from eaves.node.domains.items import Domain
from eaves.node.domains.multipart import parts_of


def seed_files(item: Domain) -> dict[str, bytes]:
    """Pure.  The instance id moves only with the version, so a restart runs nothing again.

    Parts of user data stand for themselves where the app or the node asks for it.
    """
    meta = f"instance-id: {item.app}/{item.seed_version}\n"
    named = any(line.startswith("hostname:") for line in item.user_data.splitlines())
    if not named:
        meta += f"local-hostname: {item.app}\n"
    files = {"meta-data": meta.encode(), "user-data": item.user_data.encode()}
    parts = parts_of(item.user_data) if item.multipart else {}
    return files | ({"user-data": b""} | parts if parts else {})


def write_seed(path: Path, item: Domain) -> None:
    import pycdlib  # noqa: PLC0415 - a node starts without it

    iso: Any = pycdlib.PyCdlib()
    iso.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident="cidata")
    for number, (name, data) in enumerate(sorted(seed_files(item).items())):
        iso.add_fp(
            io.BytesIO(data),
            len(data),
            f"/FILE{number}.;1",
            rr_name=name,
            joliet_path=f"/{name}",
        )
    iso.write(str(path))
    iso.close()
    path.chmod(0o600)
