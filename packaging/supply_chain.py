"""What others made and we build with: audited, and written down as bills of materials.

    supply_chain.py check          what `make check` does
    supply_chain.py check --strict as above, and fails where the advisories could not be asked
    supply_chain.py sbom           dist/eaves-VERSION.cdx.json and .spdx.json, both validated

Audited is every package of the lock files: its files have hashes, its licence is one that
requirements/policy.toml allows, it is no version with a published fault that the policy names.
Then pip-audit asks the advisories of the package index.  Where that cannot be reached, it is said
for which packages nobody was asked; silence never counts as a pass.
"""

import argparse
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import time
import tomllib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from console_parts import LOCK as CONSOLE_LOCK
from console_parts import Part, read_parts
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.schema._res import BOM_JSON, JSF, SPDX_JSON  # where the library keeps its schemas
from license_expression import AND, OR, ExpressionError, get_spdx_licensing
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from spdx_tools.spdx.model import (
    Actor,
    ActorType,
    CreationInfo,
    Document,
    ExternalPackageRef,
    ExternalPackageRefCategory,
    Package,
    Relationship,
    RelationshipType,
    SpdxNoAssertion,
)
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
from spdx_tools.spdx.writer.json import json_writer

REPOSITORY: Final = Path(__file__).resolve().parents[1]
LOCKS: Final = ("runtime", "tpm", "dev")
SHIPPED: Final = ("runtime", "tpm")
ADVISORIES_WITHIN_S: Final = 10.0
NAMED_BY: Final = "http://cyclonedx.org/schema/"  # how the schema names those that it refers to
_ENTRY: Final = re.compile(r"^([a-zA-Z0-9._-]+)==([^ ;\\]+)(?: *; *([^\\]+?))? *\\?$")
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Locked:
    name: str
    version: str
    hashes: tuple[str, ...]  # SHA-256, of each file of this version

    @property
    def purl(self) -> PackageURL:
        return PackageURL("pypi", name=self.name, version=self.version)


def read_lock(name: str) -> list[Locked]:
    found: list[Locked] = []
    text = (REPOSITORY / "requirements" / f"{name}.lock").read_text(encoding="utf-8")
    for block in re.split(r"\n(?=\S)", text.strip()):
        head, *rest = block.splitlines()
        entry = _ENTRY.match(head.strip())
        if entry is None:
            raise SystemExit(f"requirements/{name}.lock: {head!r} pins no version; lock it anew")
        hashes = tuple(hit for line in rest for hit in _HASH.findall(line))
        found.append(Locked(canonicalize_name(entry[1]), entry[2], hashes))
    return found


def read_policy() -> dict[str, Any]:
    path = REPOSITORY / "requirements/policy.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def licence_of(name: str, policy: Mapping[str, Any]) -> str:
    """An SPDX expression; empty when nobody knows."""
    if name in policy["packages"]:
        return str(policy["packages"][name])
    try:
        told = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
    expression = told.get("License-Expression")
    if expression:
        return expression
    kinds = [c.removeprefix("License :: ") for c in told.get_all("Classifier") or ()]
    for words in (told.get("License") or "", *kinds):
        if words.strip() in policy["words"]:
            return str(policy["words"][words.strip()])
    return ""


@cache
def spdx_licences() -> Any:
    """Knows every identifier; slow to make."""
    return get_spdx_licensing()


@cache
def is_allowed(expression: str, allowed: frozenset[str]) -> bool:
    def fits(part: Any) -> bool:
        if isinstance(part, AND):
            return all(fits(one) for one in part.args)
        if isinstance(part, OR):
            return any(fits(one) for one in part.args)
        return str(part.key) in allowed

    try:
        return fits(spdx_licences().parse(expression, validate=True))
    except ExpressionError:
        return False


def faults() -> Iterator[str]:
    """What stands against a locked package, one sentence each; nothing is asked of anybody."""
    policy, versions = read_policy(), dict[str, str]()
    allowed = frozenset(policy["allowed"])
    for lock in LOCKS:
        for one in read_lock(lock):
            where = f"requirements/{lock}.lock: {one.name} {one.version}"
            if not one.hashes:
                yield f"{where} has no hash; lock it anew with --generate-hashes"
            least = policy["at-least"].get(one.name)
            if least is not None and Version(one.version) < Version(least):
                yield f"{where} has published faults; lock {least} or later"
            versions.setdefault(one.name, one.version)
            licence = licence_of(one.name, policy)
            if not licence:
                yield f"{where} tells no licence; add it to [packages] of requirements/policy.toml"
            elif one.name not in policy["exceptions"] and not is_allowed(licence, allowed):
                yield f"{where} has licence {licence}, not allowed by requirements/policy.toml"
    for part in read_parts(REPOSITORY):
        where = f"{CONSOLE_LOCK}: {part.name} {part.version}"
        if not part.hashes:
            yield f"{where} has no hash; lock it anew with packaging/console.py lock"
        if not part.licence or not is_allowed(part.licence, allowed):
            told = part.licence or "none that it tells"
            yield f"{where} has licence {told}, not allowed by requirements/policy.toml"


@dataclass(frozen=True)
class Advised:
    """What the advisories say; `unasked`: why nobody said anything, by package."""

    faults: tuple[str, ...]
    asked: int
    unasked: Mapping[str, str]


KNOWN_EVERYWHERE: Final = "pip"  # who does not know it does not know the index


def ask_advisories() -> Advised:
    locked = {one.name: one for name in LOCKS for one in read_lock(name)}
    first = _ask({KNOWN_EVERYWHERE: locked[KNOWN_EVERYWHERE]})
    if first.unasked:
        return Advised((), 0, dict.fromkeys(locked, first.unasked[KNOWN_EVERYWHERE]))
    return _ask(locked)


def _ask(locked: Mapping[str, Locked]) -> Advised:
    wanted = "".join(f"{one.name}=={one.version}\n" for one in locked.values())
    argv = [
        *(sys.executable, "-m", "pip_audit", "--requirement", "/dev/stdin", "--no-deps"),
        *("--disable-pip", "--format", "json", "--progress-spinner", "off", "--timeout", "3"),
    ]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter
            argv,
            input=wanted,
            capture_output=True,
            text=True,
            check=False,
            timeout=ADVISORIES_WITHIN_S,
        )
        told: Any = json.loads(done.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return Advised((), 0, dict.fromkeys(locked, f"no answer within {ADVISORIES_WITHIN_S:g} s"))
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return Advised((), 0, dict.fromkeys(locked, last[:200]))
    unasked = {one["name"]: one["skip_reason"] for one in told if "skip_reason" in one}
    bad = tuple(
        f"{one['name']} {one['version']}: {vuln['id']}, mended in "
        f"{', '.join(vuln['fix_versions']) or 'no version yet'}"
        for one in told
        for vuln in one.get("vulns", ())
    )
    return Advised(bad, len(told) - len(unasked), unasked)


def check(*, strict: bool) -> int:
    found = list(faults())
    advised = ask_advisories()
    for fault in (*found, *advised.faults):
        say(f"FAULT: {fault}")
    total = advised.asked + len(advised.unasked)
    if advised.unasked:
        name, why = next(iter(advised.unasked.items()))
        say(
            f"NOT AUDITED against advisories: {len(advised.unasked)} of {total} packages; the "
            f"database could not be reached or does not know them (first: {name}: {why}). "
            "Only hashes, licences and requirements/policy.toml were checked for these; run "
            "`make audit` where there is a network."
        )
    else:
        say(f"{total} packages were asked about: {len(advised.faults)} advisories")
    for path in write_sboms(REPOSITORY / "build" / "sbom"):
        say(f"{path.relative_to(REPOSITORY)} is valid")
    return 1 if found or advised.faults or (strict and advised.unasked) else 0


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


# --- bills of materials


def shipped() -> list[Locked]:
    """Each version once; a package may be locked in two of them, for two versions of Python."""
    found = {(one.name, one.version): one for lock in SHIPPED for one in read_lock(lock)}
    return [found[key] for key in sorted(found)]


def made_at() -> datetime:
    """The same for the same commit: SOURCE_DATE_EPOCH, else the time of the last commit."""
    stamp = os.environ.get("SOURCE_DATE_EPOCH")
    if not stamp:
        argv = ["git", "-C", str(REPOSITORY), "log", "-1", "--format=%ct"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603 - as above
        stamp = done.stdout.strip() or str(int(time.time()))
    return datetime.fromtimestamp(int(stamp), UTC)


def own_version() -> str:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def needs(name: str, among: Mapping[str, Locked]) -> Iterator[str]:
    """Names of `among` that a package asks for on this machine."""
    try:
        told = importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return
    for text in told:
        asked = Requirement(text)
        needed = canonicalize_name(asked.name)
        if needed in among and (asked.marker is None or asked.marker.evaluate({"extra": ""})):
            yield needed


def cyclonedx() -> str:
    policy, parts = read_policy(), shipped()
    root = Component(
        name="eaves", version=own_version(), type=ComponentType.APPLICATION, bom_ref="eaves"
    )
    bom = Bom()
    bom.metadata.component, bom.metadata.timestamp = root, made_at()
    made: dict[str, Component] = {}
    for one in parts:
        component = Component(
            name=one.name,
            version=one.version,
            purl=one.purl,
            bom_ref=str(one.purl),
            type=ComponentType.LIBRARY,
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=h) for h in one.hashes],
            licenses=[_licence(licence_of(one.name, policy))],
        )
        bom.components.add(component)
        made[one.name] = component
    scripts = [(part, _script(part)) for part in read_parts(REPOSITORY)]
    bom.components.update(script for _, script in scripts)
    by_name = {one.name: one for one in parts}
    own = [made[n] for n in sorted({one.name for one in parts})]
    bom.register_dependency(root, [*own, *(script for _, script in scripts)])
    for part, script in scripts:
        bom.register_dependency(script, [one for of, one in scripts if of.name in part.needs])
    for name, component in made.items():
        bom.register_dependency(component, [made[n] for n in sorted(set(needs(name, by_name)))])
    seed = "\n".join(str(one.purl) for one in (*parts, *(part for part, _ in scripts)))
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_OID, f"eaves {root.version}\n{seed}")
    return JsonV1Dot6(bom).output_as_string(indent=1)


def _script(part: Part) -> Component:
    return Component(
        name=part.name,
        version=part.version,
        purl=part.purl,
        bom_ref=str(part.purl),
        type=ComponentType.LIBRARY,
        hashes=[HashType(alg=HashAlgorithm.SHA_512, content=h) for h in part.hashes],
        licenses=[_licence(part.licence)] if part.licence else [],
    )


def _licence(expression: str) -> Any:
    return LicenseFactory().make_from_string(expression)


def spdx() -> Document:
    policy = read_policy()
    parts = [
        *((one, licence_of(one.name, policy)) for one in shipped()),
        *((part, part.licence) for part in read_parts(REPOSITORY)),
    ]
    licensing = spdx_licences()
    version = own_version()
    seed = uuid.uuid5(uuid.NAMESPACE_OID, repr([str(one.purl) for one, _ in parts]))
    creation = CreationInfo(
        spdx_version="SPDX-2.3",
        spdx_id="SPDXRef-DOCUMENT",
        name=f"eaves-{version}",
        document_namespace=f"urn:uuid:{seed}",
        creators=[Actor(ActorType.TOOL, "eaves-supply-chain")],
        created=made_at().replace(tzinfo=None),
    )
    root = Package(
        spdx_id="SPDXRef-eaves",
        name="eaves",
        version=version,
        download_location=SpdxNoAssertion(),
        license_concluded=licensing.parse("Apache-2.0"),
        files_analyzed=False,
    )
    packages, ties = [root], [_tie("SPDXRef-DOCUMENT", RelationshipType.DESCRIBES, root.spdx_id)]
    for one, licence in parts:
        named = f"{one.purl.type}-{one.name}-{one.version}"
        own = "SPDXRef-" + re.sub(r"[^a-zA-Z0-9.-]", "-", named)
        packages.append(
            Package(
                spdx_id=own,
                name=one.name,
                version=one.version,
                download_location=SpdxNoAssertion(),
                license_declared=licensing.parse(licence),
                files_analyzed=False,
                external_references=[
                    ExternalPackageRef(
                        ExternalPackageRefCategory.PACKAGE_MANAGER, "purl", str(one.purl)
                    )
                ],
            )
        )
        ties.append(_tie(root.spdx_id, RelationshipType.DEPENDS_ON, own))
    return Document(creation, packages=packages, relationships=ties)


def _tie(of: str, kind: RelationshipType, to: str) -> Relationship:
    return Relationship(of, kind, to)


def write_sboms(folder: Path) -> tuple[Path, Path]:
    """Both forms, valid by their schemas.  Raises SystemExit with what is wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    base = folder / f"eaves-{own_version()}"
    cdx, spd = base.with_name(f"{base.name}.cdx.json"), base.with_name(f"{base.name}.spdx.json")
    text = cyclonedx()
    _validate_cyclonedx(text)
    cdx.write_text(text + "\n", encoding="utf-8")
    document = spdx()
    wrong = validate_full_spdx_document(document)
    if wrong:
        raise SystemExit(f"the SPDX document is not valid: {wrong[0].validation_message}")
    json_writer.write_document_to_file(document, str(spd), validate=False)
    return cdx, spd


def _validate_cyclonedx(text: str) -> None:
    import jsonschema_rs  # noqa: PLC0415 - of the development tools, as all that is imported here

    schema = json.loads(Path(BOM_JSON[SchemaVersion.V1_6]).read_text(encoding="utf-8"))
    beside = [Path(str(path)) for path in (SPDX_JSON, JSF)]
    registry = jsonschema_rs.Registry(
        [(NAMED_BY + one.name, json.loads(one.read_text(encoding="utf-8"))) for one in beside]
    )
    first = next(
        jsonschema_rs.validator_for(schema, registry=registry).iter_errors(json.loads(text)), None
    )
    if first is not None:
        raise SystemExit(f"the CycloneDX document is not valid: {first.message}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=("check", "sbom"))
    parser.add_argument("--strict", action="store_true")
    options = parser.parse_args()
    if options.what == "check":
        return check(strict=options.strict)
    for path in write_sboms(REPOSITORY / "dist"):
        say(f"{path.relative_to(REPOSITORY)} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
