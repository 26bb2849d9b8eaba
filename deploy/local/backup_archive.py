"""The file of a backup: a tar archive that ends with its manifest and the manifest's SHA-256.

A file without a manifest was never a whole backup.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from deploy.local.home_parts import FILES, TOPICS

FORMAT, VERSION = "regimeflow-backup", 1
MANIFEST, SEAL = "manifest.json", "manifest.sha256"
LARGEST_MANIFEST_BYTES = 1 << 28
CHUNK_BYTES = 1 << 20

Progress = Callable[[float, float], object]  # bytes done, bytes in all


class BackupRefused(ValueError):
    """A backup cannot be made, read or restored; the message says why and what to do."""


def utf_8(name: str) -> bool:
    """Whether a name can be written as UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


class BackedUpFile(BaseModel):
    """One file of a backup; its path lies below one of the parts of a home that are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")

    @field_validator("path")
    @classmethod
    def _below_a_kept_part(cls, value: str) -> str:
        path = PurePosixPath(value)
        plain = str(path) == value and ".." not in path.parts and "\0" not in value
        if not plain or not any(path.is_relative_to(part) for part in (*FILES, TOPICS)):
            raise ValueError(f"{value!r} is no path of a part of a home that is kept")
        return value


class BackupManifest(BaseModel):
    """What a backup holds, and what it was made of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["regimeflow-backup"]
    version: Literal[1]
    created_at_ms: int
    regimeflow: str
    git_commit: str
    kafka: str
    environment: str
    topics: bool
    settings: dict[str, str]
    left_out: tuple[str, ...]
    files: tuple[BackedUpFile, ...]

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(file.bytes for file in self.files)


class ByteCount:
    """Counts the bytes that are done."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._bytes = progress, total, 0

    def add(self, count: int) -> None:
        """Count some more."""
        self._bytes += count
        self._progress(self._bytes, self._total)


@contextmanager
def opened_backup(path: Path) -> Iterator[tuple[tarfile.TarFile, BackupManifest]]:
    """Yield a backup and its manifest, which nobody has altered."""
    with path.open("rb") as file:
        try:
            archive = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115 - the file is closed
            archive.getmembers()
        except (tarfile.TarError, EOFError, ValueError, OverflowError) as failed:
            raise BackupRefused(f"{path} is no backup, or a damaged one: {failed}") from None
        yield archive, _manifest(path, archive)


def members_by_name(archive: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    """Return the members; of one name the last."""
    return {member.name: member for member in archive.getmembers()}


def _manifest(path: Path, archive: tarfile.TarFile) -> BackupManifest:
    members = members_by_name(archive)
    if MANIFEST not in members or SEAL not in members:
        last = next(reversed(members), None)
        where = f"it can be read up to {last}" if last else "it holds nothing"
        raise BackupRefused(f"{path} has no manifest, so it was cut off or is damaged: {where}")
    text, seal = (_text(archive, members[name]) for name in (MANIFEST, SEAL))
    if hashlib.sha256(text).hexdigest().encode() != seal:
        raise BackupRefused(f"{path}: {MANIFEST} differs from its SHA-256, so it is damaged")
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict):
        raise BackupRefused(f"{path}: {MANIFEST} is no manifest of a backup")
    if facts.get("format") == FORMAT and facts.get("version") != VERSION:
        raise BackupRefused(
            f"{path} has the version {facts.get('version')!r}, expected {VERSION}: use the "
            f"RegimeFlow that made it, {facts.get('regimeflow')}"
        )
    try:
        return BackupManifest.model_validate_json(text)
    except ValidationError as invalid:
        first = invalid.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise BackupRefused(f"{path}: {MANIFEST}: {place}: {first['msg']}") from None


def _text(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if not _plain(member) or member.size > LARGEST_MANIFEST_BYTES:
        raise BackupRefused(f"{member.name} is no file of a backup")
    file = archive.extractfile(member)
    return b"" if file is None else file.read()


def _plain(member: tarfile.TarInfo) -> bool:
    """Whether it is a file with its bytes in the archive: no link, no device, no holes."""
    return member.isreg() and not member.issparse()


def copy_file(
    archive: tarfile.TarFile,
    member: tarfile.TarInfo | None,
    file: BackedUpFile,
    output: IO[bytes],
    done: ByteCount,
) -> str:
    """Copy one file; return what is wrong with it, or an empty text."""
    if member is None:
        return "is missing"
    if not _plain(member) or member.size != file.bytes:
        return f"is no file of {file.bytes} bytes"
    content, digest = archive.extractfile(member), hashlib.sha256()
    while content is not None and (chunk := content.read(CHUNK_BYTES)):
        digest.update(chunk)
        done.add(len(chunk))
        output.write(chunk)
    return "" if digest.hexdigest() == file.sha256 else "differs from its SHA-256"
