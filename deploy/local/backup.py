"""Backups of a stopped home: one tar file with the topics, the files, and the SHA-256 of each.

The topics are the broker's own files, so offsets, committed positions and the ends of transactions
are in a restored home what they were. They hold together only while no broker writes.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from deploy.local.backup_archive import (
    FORMAT,
    MANIFEST,
    SEAL,
    VERSION,
    BackedUpFile,
    BackupManifest,
    BackupRefused,
    ByteCount,
    Progress,
    copy_file,
    members_by_name,
    opened_backup,
    utf_8,
)
from deploy.local.errors import HomeInUseError
from deploy.local.home_environment import bind_environment, home_environment
from deploy.local.home_lock import HomeLock, holder
from deploy.local.home_parts import kept_files, left_out
from deploy.local.jars import KAFKA
from deploy.local.surroundings import existing_folder
from workers.settings import Settings
from workers.storage import whole_file

SPARE_BYTES = 64 << 20  # beyond what is written, so that a disk is not filled to its last byte


@dataclass(frozen=True)
class BackupSource:
    """What a backup is made of.

    Attributes:
        settings: Of the home.
        topics: Whether the topics are a part of it.
        facts: Fields of the manifest that the caller knows: when, by which code, which settings.
        outside: What belongs to the home and lies elsewhere, in words; it is left out.
    """

    settings: Settings
    topics: bool
    facts: dict[str, Any]
    outside: tuple[str, ...] = ()


def create_backup(source: BackupSource, target: Path, progress: Progress) -> BackupManifest:
    """Write a backup of a stopped home; it appears whole or not at all.

    Raises:
        BackupRefused: The home is in use or empty, or the disk has too little room.
        OSError: A file cannot be read or written.
    """
    home = source.settings.home
    if not home.is_dir():
        raise BackupRefused(f"{home} is no home yet: nothing has run there")
    with stopped(home):
        paths = list(kept_files(home, topics=source.topics))
        if not paths:
            raise BackupRefused(f"{home} holds nothing that a backup keeps")
        total = sum(path.stat().st_size for path in paths)
        _require_room(target.parent, total)
        with whole_file(target) as fresh, fresh.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
                done = ByteCount(progress, total)
                files = tuple(_add(archive, home, path, done) for path in paths)
                manifest = BackupManifest(
                    format=FORMAT,
                    version=VERSION,
                    kafka=KAFKA.rpartition(":")[2],
                    environment=home_environment(home) or source.settings.env,
                    topics=source.topics,
                    left_out=(*left_out(home), *source.outside),
                    files=files,
                    **source.facts,
                )
                text = manifest.model_dump_json(indent=1).encode()
                _add_text(archive, MANIFEST, text)
                _add_text(archive, SEAL, hashlib.sha256(text).hexdigest().encode())
            file.flush()
            os.fsync(file.fileno())
    return manifest


@contextmanager
def stopped(home: Path) -> Iterator[None]:
    """Keep every run and every broker away from a home.

    Raises:
        BackupRefused: One is there.
    """
    with ExitStack() as locks:
        for path in (home / "run.lock", home / "kafka" / "broker.lock"):
            if not path.parent.is_dir():
                continue
            lock = HomeLock(path)
            try:
                lock.take()
            except HomeInUseError:
                raise BackupRefused(
                    f"{home} is in use by process {holder(path).get('pid')}: this needs a stopped "
                    "home, whose broker writes nothing; `regimeflow stop`, then again"
                ) from None
            locks.callback(lock.release)
        yield


@dataclass(frozen=True)
class BackupFault:
    """One file of a backup that is not what the manifest says."""

    path: str
    problem: str


def verify_backup(path: Path, progress: Progress) -> tuple[BackupManifest, tuple[BackupFault, ...]]:
    """Read every byte of a backup; return its manifest and each file that is not as it says.

    Raises:
        BackupRefused: It is no whole backup, or of another version.
    """
    with opened_backup(path) as (archive, manifest):
        members = members_by_name(archive)
        named = {file.path for file in manifest.files} | {MANIFEST, SEAL}
        faults = [
            BackupFault(name, "stands twice in the archive" if name in named else "is not named")
            for name, count in Counter(member.name for member in archive.getmembers()).items()
            if count > 1 or name not in named
        ]
        done = ByteCount(progress, manifest.bytes)
        with Path(os.devnull).open("wb") as nowhere:
            for file in manifest.files:
                problem = copy_file(archive, members.get(file.path), file, nowhere, done)
                if problem:
                    faults.append(BackupFault(file.path, problem))
    return manifest, tuple(faults)


def restore_backup(path: Path, settings: Settings, progress: Progress) -> BackupManifest:
    """Write a backup into a home that does not exist or is empty; it appears whole or not at all.

    Raises:
        BackupRefused: The home is not empty, the backup is damaged or of a newer version, or the
            disk has too little room.
        OSError: A file cannot be read or written.
    """
    home = settings.home.absolute()
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise BackupRefused(f"{home} is not empty: restore into another home with REGIMEFLOW_HOME")
    with opened_backup(path) as (archive, manifest):
        _require_kafka(manifest)
        if manifest.topics and settings.kafka_bootstrap_servers is not None:
            raise BackupRefused(
                "the backup holds topics of a local broker: unset "
                "REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS, a run on another cluster does not read them"
            )
        home.parent.mkdir(parents=True, exist_ok=True)
        _require_room(home.parent, manifest.bytes)
        staging = home.with_name(f"_{home.name}.restoring")
        try:
            staging.mkdir()
        except FileExistsError:
            raise BackupRefused(
                f"{staging} exists: another restore runs, or one was killed; then remove it"
            ) from None
        try:
            _extract(archive, manifest, staging, progress)
            bind_environment(settings.model_copy(update={"home": staging}))
            os.sync()
            staging.replace(home)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
    return manifest


def _extract(
    archive: tarfile.TarFile, manifest: BackupManifest, staging: Path, progress: Progress
) -> None:
    members, done = members_by_name(archive), ByteCount(progress, manifest.bytes)
    for file in manifest.files:
        place = staging / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as output:
            problem = copy_file(archive, members.get(file.path), file, output, done)
        if problem:
            raise BackupRefused(f"{file.path} {problem}; nothing was restored: take another backup")


class _HashedReader:
    """A file whose bytes are hashed and counted as tarfile reads them."""

    def __init__(self, file: IO[bytes], done: ByteCount) -> None:
        self._file, self._done = file, done
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        content = self._file.read(size)
        self.digest.update(content)
        self._done.add(len(content))
        return content


def _add(archive: tarfile.TarFile, home: Path, path: Path, done: ByteCount) -> BackedUpFile:
    name = path.relative_to(home).as_posix()
    if not utf_8(name):
        raise BackupRefused(f"{name!r} is no UTF-8 text: rename that file")
    with path.open("rb") as file:
        facts = os.fstat(file.fileno())
        member = tarfile.TarInfo(name)
        member.size, member.mtime, member.mode = facts.st_size, int(facts.st_mtime), 0o600
        reader = _HashedReader(file, done)
        archive.addfile(member, reader)
    return BackedUpFile(path=name, bytes=member.size, sha256=reader.digest.hexdigest())


def _add_text(archive: tarfile.TarFile, name: str, text: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(text), 0o600
    archive.addfile(member, io.BytesIO(text))


def _require_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(existing_folder(folder)).free
    if free < needed + SPARE_BYTES:
        raise BackupRefused(
            f"{folder} has {free / 1e6:.0f} MB free, expected {(needed + SPARE_BYTES) / 1e6:.0f}: "
            "free some space, or choose another disk"
        )


def _require_kafka(manifest: BackupManifest) -> None:
    ours = KAFKA.rpartition(":")[2]
    if manifest.topics and _numbers(manifest.kafka) > _numbers(ours):
        raise BackupRefused(
            f"its topics were written by Kafka {manifest.kafka}, and the broker here is {ours}: "
            f"use the RegimeFlow that made it, {manifest.regimeflow}"
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
