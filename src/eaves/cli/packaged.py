"""Container images made of Debian packages: a broker, a database, a web server.

An image holds what a package's programs load (libraries, found by following `Depends` to packages
named lib*), busybox as its shell, and a start script.  No maintainer script runs: what it would
make (a user, a folder, a configuration) stands in the recipe.  Nothing is installed on this
machine; packages are fetched by apt and kept under their versions.
"""

import hashlib
import io
import re
import shutil
import tarfile
import tempfile
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from eaves.cli.disks import BUSYBOX
from eaves.cli.layouts import ContainerSample, cached, command, read_layout, write_layout
from eaves.errors import Rejected, Transient

TAG: Final = "1"
MAKER: Final = 1  # counts changes of this file that change what is made
FOLLOWED = re.compile(r"lib.+|zlib1g|tzdata|postgresql-(client-)?[0-9]+")
LEFT_OUT = re.compile(r"libllvm.*|libpam-.*|libc-(bin|l10n)|libnginx-mod-.*")
DROPPED: Final = (
    *("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/lintian"),
    *(
        "usr/share/postgresql/*/man",
        "usr/lib/postgresql/*/lib/bitcode",
        "usr/lib/postgresql/*/lib/pgxs",
    ),
    *("etc/init.d", "etc/cron.daily", "lib/systemd", "usr/lib/systemd"),
)
FOLDERS: Final = ("bin", "etc", "tmp", "var", "var/tmp", "run", "root", "dev", "proc", "sys")
APPLETS: Final = ("sh", "mkdir", "chown", "chmod", "cat", "su", "ls", "rm", "sleep", "printf")


@dataclass(frozen=True, slots=True)
class Recipe:
    packages: tuple[str, ...]
    user: str  # that the program changes to; its number is 999
    start: str  # the script that is the entrypoint
    files: Mapping[str, str]
    port: int


BROKER = Recipe(
    ("mosquitto",),
    "mosquitto",
    """#!/bin/sh
mkdir -p /mosquitto/data
chown -R mosquitto:mosquitto /mosquitto/data
exec /usr/sbin/mosquitto -c /mosquitto/config/mosquitto.conf
""",
    {"mosquitto/config/mosquitto.conf": "listener 1883\nallow_anonymous false\n"},
    1883,
)
DATABASE = Recipe(
    ("postgresql",),
    "postgres",
    """#!/bin/sh
# The server refuses to run as root, and a new volume belongs to root.
data=/var/lib/postgresql/data/main
mkdir -p "${data%/*}"
chown -R postgres:postgres /var/lib/postgresql
chmod 0700 "${data%/*}"
export POSTGRES_USER="${POSTGRES_USER:-postgres}" POSTGRES_DB="${POSTGRES_DB:-postgres}"
if [ -z "$POSTGRES_PASSWORD" ]; then
  echo "POSTGRES_PASSWORD is empty; set it" >&2
  exit 1
fi
exec su -s /bin/sh postgres -c "exec /bin/start-server $data"
""",
    {
        "bin/start-server": """#!/bin/sh
set -e
data=$1
programs=$(echo /usr/lib/postgresql/*/bin)
if [ ! -s "$data/PG_VERSION" ]; then
  printf %s "$POSTGRES_PASSWORD" > /tmp/first
  "$programs/initdb" -D "$data" --locale=C --encoding=UTF8 --username="$POSTGRES_USER" \\
    --pwfile=/tmp/first --auth-local=scram-sha-256 --auth-host=scram-sha-256
  rm /tmp/first
  echo "host all all all scram-sha-256" >> "$data/pg_hba.conf"
  if [ "$POSTGRES_DB" != postgres ]; then
    printf 'CREATE DATABASE "%s";\\n' "$POSTGRES_DB" |
      "$programs/postgres" --single -D "$data" -c jit=off postgres
  fi
fi
unset POSTGRES_PASSWORD
exec "$programs/postgres" -D "$data" -c listen_addresses='*' -c jit=off \\
  -c unix_socket_directories=/tmp -c dynamic_shared_memory_type=mmap
"""
    },
    5432,
)
WEB = Recipe(
    ("nginx",),
    "www-data",
    """#!/bin/sh
mkdir -p /srv/www /var/log/nginx /var/lib/nginx
exec /usr/sbin/nginx -c /etc/nginx/eaves.conf
""",
    {
        "etc/nginx/eaves.conf": """daemon off;
user www-data;
worker_processes 1;
error_log stderr;
pid /run/nginx.pid;
events { worker_connections 512; }
http {
  access_log /dev/stdout;
  types { text/html html; text/plain txt; application/json json; }
  include /etc/nginx/sites/*.conf;
  server { listen 80; root /srv/www; }
}
""",
        "srv/www/index.html": "it works\n",
    },
    80,
)
RECIPES: Final[Mapping[str, Recipe]] = {
    "debian-mosquitto": BROKER,
    "debian-postgresql": DATABASE,
    "debian-nginx": WEB,
}


def packaged_image(cache: Path, name: str) -> ContainerSample:
    """The image of a recipe, as an OCI layout below `cache`.  Raises Rejected, Transient."""
    recipe = RECIPES.get(name)
    if recipe is None:
        raise Rejected(f"{name!r} is not made of packages; {', '.join(RECIPES)} are")
    versions = closure(recipe.packages)
    made_of = f"{MAKER} {recipe!r} {sorted(versions.items())}"
    key = hashlib.sha256(made_of.encode()).hexdigest()[:16]
    folder = cache / f"{name}-{key}"
    with cached(folder) as (filling, fresh):
        if fresh:
            config: dict[str, object] = {
                "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
                "Entrypoint": ["/bin/start"],
                "WorkingDir": "/",
                "ExposedPorts": {f"{recipe.port}/tcp": {}},
                "Labels": {f"package.{name}": version for name, version in versions.items()},
            }
            write_layout(filling, _layer(recipe, versions), config, TAG)
    return read_layout(folder, TAG)


def closure(roots: Iterable[str]) -> Mapping[str, str]:
    """Version by package: these, and every library that they load."""
    found: dict[str, str] = {}
    wanted = set(roots)
    while wanted:
        named: set[str] = set()
        for package, version, depends in _described(sorted(wanted)):
            found.setdefault(package, version)
            named |= set(depends)
        lost = wanted - found.keys()
        if lost:
            raise Transient(f"apt does not know {', '.join(sorted(lost))}; run apt-get update")
        wanted = {
            one
            for one in named - found.keys()
            if FOLLOWED.fullmatch(one) and not LEFT_OUT.fullmatch(one)
        }
    return found


def _described(packages: list[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Name, version and the first choice of each dependency, from apt's lists."""
    said = command("apt-cache", "show", "--no-all-versions", *packages)
    for stanza in said.split("\n\n"):
        fields = dict(
            line.split(": ", 1)
            for line in stanza.splitlines()
            if ": " in line and not line.startswith(" ")
        )
        if "Package" in fields:
            depends = f"{fields.get('Depends', '')}, {fields.get('Pre-Depends', '')}".split(",")
            names = [one.strip().partition(" ")[0].partition(":")[0] for one in depends]
            yield fields["Package"], fields["Version"], [name for name in names if name]


def _layer(recipe: Recipe, versions: Mapping[str, str]) -> bytes:
    """Reproducible: the same packages give the same bytes."""
    with unpacked(versions) as root:
        _arrange(root, recipe)
        return _tar(root)


@contextmanager
def unpacked(versions: Mapping[str, str]) -> Generator[Path]:
    """A folder with what these packages hold, less what only people read."""
    with tempfile.TemporaryDirectory(prefix="eaves-packages-") as name:
        folder = Path(name)
        archives, root = folder / "archives", folder / "root"
        archives.mkdir()
        root.mkdir()
        wanted = [f"{package}={version}" for package, version in sorted(versions.items())]
        # apt complains, harmlessly, where its own user may not write
        command("apt-get", "download", *wanted, cwd=archives)
        for archive in sorted(archives.glob("*.deb")):
            command("dpkg-deb", "-x", archive, root)
        for pattern in DROPPED:
            for path in sorted(root.glob(pattern)):
                shutil.rmtree(path)
        for merged in ("lib", "lib64"):  # where a release has them below /usr only
            if (root / "usr" / merged).is_dir() and not (root / merged).exists():
                (root / merged).symlink_to(f"usr/{merged}")
        yield root


def _arrange(root: Path, recipe: Recipe) -> None:
    if not BUSYBOX.exists():
        raise Rejected(f"{BUSYBOX} is missing; install the package busybox-static")
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    shutil.copy2(BUSYBOX, root / "bin/busybox")
    for applet in APPLETS:
        link = root / "bin" / applet
        link.unlink(missing_ok=True)
        link.symlink_to("busybox")
    user = recipe.user
    texts = {
        "etc/passwd": f"root:x:0:0:root:/root:/bin/sh\n{user}:x:999:999::/:/bin/sh\n",
        "etc/group": f"root:x:0:\n{user}:x:999:\n",
        "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        **recipe.files,
        "bin/start": recipe.start,
    }
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755 if text.startswith("#!") else 0o644)


def _tar(root: Path) -> bytes:
    def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
        info.uid = info.gid = info.mtime = 0
        info.uname = info.gname = ""
        if info.name in ("tmp", "var/tmp"):
            info.mode = 0o1777
        return info

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(root.rglob("*")):
            tar.add(path, str(path.relative_to(root)), recursive=False, filter=plain)
    return buffer.getvalue()
