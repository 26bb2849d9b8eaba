"""A backup holds what is kept and no secret; it comes back whole or not at all."""

from __future__ import annotations

import ast
import errno
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from deploy.cli.app import app
from deploy.local import backup
from deploy.local.backup_archive import MANIFEST, SEAL, BackupRefused
from deploy.local.home_lock import HomeLock
from deploy.local.home_parts import FILES, MADE_AGAIN, TOPICS
from tests.architecture.sources import ROOT, SOURCES
from workers.settings import Settings

CANARY = "canary-51b0c7"
KEPT = {
    "kafka/data/market.bars.v1-0/00000000000000000000.log": b"bars" * 500,
    "kafka/data/meta.properties": b"cluster.id=x",
    "mlflow.db": b"pages, half of a transaction among them",
    "mlflow.db-journal": b"pages as they were before it",
    "models/ensemble/v1/model.ubj": bytes(range(256)) * 9,
    "results/job.json": b"{}",
    "source.json": b'{"exchange": "simulated"}',
}
NOT_KEPT = {
    "kafka/server.properties": b"port",
    "kafka/logs/broker.log": b"lines",
    "logs/market.log": b"lines",
    "run.json": b"{}",
    ".env": CANARY.encode(),
    "secrets/BINANCE_API_KEY": CANARY.encode(),
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS", raising=False)
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path / "home"))
    for name, content in {**KEPT, **NOT_KEPT}.items():
        path = tmp_path / "home" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "home"


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["backup", *arguments])


def document(*arguments: str, code: int = 0) -> dict[str, Any]:
    result = call(*arguments, "--json")
    assert result.exit_code == code, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def refusal(*arguments: str, code: int = 1) -> str:
    result = call(*arguments)
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    assert result.stderr.count("\n") == 1
    return result.stderr


def content_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def restored_to(monkeypatch: pytest.MonkeyPatch, home: Path) -> Path:
    other = home.with_name("other")
    monkeypatch.setenv("REGIMEFLOW_HOME", str(other))
    return other


def rewritten(path: Path, alter: Callable[[tarfile.TarInfo, bytes], Any]) -> Path:
    """Write an archive anew; ``alter`` returns what stands in the place of a member."""
    other = path.with_name("other.tar")
    with tarfile.open(path) as old, tarfile.open(other, "w") as new:
        for member in old.getmembers():
            file = old.extractfile(member)
            for each, content in alter(member, file.read() if file else b""):
                each.size = len(content)
                new.addfile(each, io.BytesIO(content))
    return other


def with_manifest(path: Path, alter: Callable[[dict[str, Any]], object]) -> Path:
    """Write a backup anew with another manifest and the seal that fits it."""
    texts: dict[str, bytes] = {}

    def altered(member: tarfile.TarInfo, content: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
        if member.name == MANIFEST:
            facts = json.loads(content)
            alter(facts)
            content = texts[MANIFEST] = json.dumps(facts).encode()
        if member.name == SEAL:
            content = hashlib.sha256(texts[MANIFEST]).hexdigest().encode()
        return [(member, content)]

    return rewritten(path, altered)


def test_what_is_kept_comes_back_byte_for_byte_and_nothing_else(home, monkeypatch):
    made = document("create", "home.tar")
    checked = document("verify", "home.tar")
    other = restored_to(monkeypatch, home)
    restored = document("restore", "home.tar")

    assert content_of(other) == KEPT | {"environment.json": b'{"environment": "dev"}'}
    assert made["files"] == checked["files"] == restored["files"] == len(KEPT)
    assert made["bytes"] == sum(map(len, KEPT.values()))
    assert (made["environment"], made["topics"], checked["faults"]) == ("dev", True, [])
    assert made["settings"]["REGIMEFLOW_HOME"] == str(home)
    assert made["left_out"] == [".env", "secrets"]
    assert content_of(home).keys() >= KEPT.keys()


def test_no_secret_is_in_a_backup(home, monkeypatch):
    monkeypatch.setenv("REGIMEFLOW_SECRETS_DIR", str(home / "secrets"))
    monkeypatch.setenv("REGIMEFLOW_NOTIFY_URLS", f"json://u:{CANARY}@sink")
    (home / "models" / "link").symlink_to(home / "secrets" / "BINANCE_API_KEY")
    (home / "results" / "folder").symlink_to(home / "secrets")

    made = document("create", "home.tar")

    assert CANARY.encode() not in Path("home.tar").read_bytes()
    assert {"models/link", "results/folder"} <= {*made["left_out"]}
    assert call("verify", "home.tar").exit_code == 0


def test_every_part_of_a_home_that_code_names_is_kept_or_made_again():
    """A part that nobody lists would be missing after a restore."""
    known = {part.split("/")[0] for part in (*FILES, TOPICS)} | {*MADE_AGAIN}
    named = set()
    for source in SOURCES:
        for node in ast.walk(source.tree) if "home /" in source.text else ():
            if isinstance(node, ast.BinOp) and isinstance(node.right, ast.Constant):
                owner = ast.unparse(node.left)
                own = owner == "self.home" and source.name == "workers/settings.py"
                if own or owner == "home" or owner.endswith("settings.home"):
                    named.add(ast.literal_eval(node.right))

    assert {"models", "results", "kafka", "monitor", "logs", "mlflow.db"} <= named
    assert named <= known
    for module, name in (
        ("workers/ingest/home_binding.py", "source.json"),
        ("workers/simulator/worker.py", "simulator.json"),
        ("workers/training/mlflow_follower.py", "mlflow-mirrored.json"),
    ):
        assert name in (ROOT / module).read_text()
        assert name in FILES


def test_every_flipped_bit_of_a_file_is_found_and_the_file_named():
    call("create", "home.tar")
    whole = Path("home.tar").read_bytes()
    with tarfile.open("home.tar") as archive:
        places = {m.name: (m.offset_data, m.size) for m in archive.getmembers()}
    for name in KEPT:
        start, size = places[name]
        for offset in {start, start + size // 2, start + size - 1}:
            damaged = bytearray(whole)
            damaged[offset] ^= 0x10
            Path("damaged.tar").write_bytes(damaged)

            found = document("verify", "damaged.tar", code=1)

            assert [fault["path"] for fault in found["faults"]] == [name]
            assert "SHA-256" in found["faults"][0]["problem"]


def test_a_damaged_head_or_manifest_or_a_cut_is_found_wherever_it_is(home, monkeypatch):
    call("create", "home.tar")
    whole = Path("home.tar").read_bytes()
    with tarfile.open("home.tar") as archive:
        members = archive.getmembers()
    heads = [m.offset + at for m in members for at in (0, 60, 124, 148, 156)]
    manifest = next(m for m in members if m.name == MANIFEST)
    inside = [manifest.offset_data + at for at in range(0, manifest.size, 97)]
    other = restored_to(monkeypatch, home)
    for offset in (*heads, *inside):
        damaged = bytearray(whole)
        damaged[offset] ^= 0x01
        Path("damaged.tar").write_bytes(damaged)

        with pytest.raises(BackupRefused, match="damaged"):
            backup.verify_backup(Path("damaged.tar"), lambda *_: None)
        with pytest.raises(BackupRefused, match="damaged"):
            backup.restore_backup(Path("damaged.tar"), Settings(), lambda *_: None)
        assert not other.exists()
    for length in (0, 1, 511, 512, 700, len(whole) // 2, members[-1].offset_data):
        Path("damaged.tar").write_bytes(whole[:length])

        assert "damaged.tar" in refusal("verify", "damaged.tar")
        assert "damaged.tar" in refusal("restore", "damaged.tar")


def test_a_damaged_file_is_named_and_nothing_is_restored(home, monkeypatch):
    call("create", "home.tar")
    content = Path("home.tar").read_bytes()
    Path("home.tar").write_bytes(
        content.replace(b'{"exchange": "simulated"}', b'{"exchange": "Simulated"}')
    )
    other = restored_to(monkeypatch, home)

    said = refusal("restore", "home.tar")

    assert "source.json differs from its SHA-256; nothing was restored" in said
    assert [path.name for path in other.parent.glob("*other*")] == []


@pytest.mark.parametrize(
    "path",
    [
        "../evil",
        "/etc/evil",
        "models/../../evil",
        "logs/x",
        ".env",
        "models",
        "models//x",
        "kafka/x",
        "models/a\0b",
    ],
)
def test_a_path_out_of_the_parts_of_a_home_is_refused(home, monkeypatch, path):
    call("create", "home.tar")

    def alter(facts: dict[str, Any]) -> None:
        facts["files"][0]["path"] = path

    tricked = with_manifest(Path("home.tar"), alter)
    other = restored_to(monkeypatch, home)

    if path == "models":  # a file of that name would be one of the home
        assert "models is missing" in refusal("restore", str(tricked))
    else:
        assert "is no path of a part of a home" in refusal("restore", str(tricked))
        assert "is no path of a part of a home" in refusal("verify", str(tricked))
    assert not other.exists()
    assert not (other.parent / "evil").exists()


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_a_link_in_the_place_of_a_file_is_refused(home, monkeypatch, kind):
    call("create", "home.tar")

    def alter(member: tarfile.TarInfo, content: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
        if member.name == "source.json":
            member.type, member.linkname, content = kind, "/etc/passwd", b""
        return [(member, content)]

    tricked = rewritten(Path("home.tar"), alter)
    other = restored_to(monkeypatch, home)

    assert "source.json is no file of 25 bytes" in refusal("restore", str(tricked))
    assert document("verify", str(tricked), code=1)["faults"][0]["path"] == "source.json"
    assert not other.exists()


def test_what_the_manifest_does_not_name_is_found_and_never_written(home, monkeypatch):
    call("create", "home.tar")

    def alter(member: tarfile.TarInfo, content: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
        return [(member, content)] + (
            [(tarfile.TarInfo("../evil"), b"x")] if member.name == "source.json" else []
        )

    added = rewritten(Path("home.tar"), alter)
    other = restored_to(monkeypatch, home)

    faults = document("verify", str(added), code=1)["faults"]
    call("restore", str(added))

    assert faults == [{"path": "../evil", "problem": "is not named"}]
    assert content_of(other).keys() == {*KEPT, "environment.json"}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"version": 2}, "has the version 2, expected 1: use the RegimeFlow that made it"),
        ({"version": "1"}, "has the version '1', expected 1"),
        ({"kafka": "99.0.0"}, "written by Kafka 99.0.0, and the broker here is"),
        ({"format": "other"}, "manifest.json: format: "),
        ({"files": "none"}, "manifest.json: files: "),
        ({"left_out": None}, "manifest.json: left_out: "),
    ],
)
def test_another_version_is_refused_by_name(home, monkeypatch, facts, said):
    call("create", "home.tar")
    other = restored_to(monkeypatch, home)

    refused = refusal(
        "restore", str(with_manifest(Path("home.tar"), lambda old: old.update(facts)))
    )

    assert said in refused
    assert not other.exists()


def test_a_home_that_is_not_empty_is_left_as_it_is(home, monkeypatch):
    call("create", "home.tar")
    before = content_of(home)

    assert f"{home} is not empty: restore into another home" in refusal("restore", "home.tar")
    assert content_of(home) == before
    empty = restored_to(monkeypatch, home)
    empty.mkdir()
    assert call("restore", "home.tar").exit_code == 0


@pytest.mark.parametrize("lock", ["run.lock", "kafka/broker.lock"])
def test_a_home_in_use_is_refused_and_says_why(home, lock):
    holder = HomeLock(home / lock)
    holder.take()
    try:
        said = refusal("create", "home.tar")
    finally:
        holder.release()

    assert f"in use by process {os.getpid()}" in said
    assert "needs a stopped home, whose broker writes nothing; `regimeflow stop`" in said
    assert not Path("home.tar").exists()


def test_a_full_disk_is_said_before_anything_is_written(home, monkeypatch):
    call("create", "home.tar")
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - as shutil has it
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1, 1, 1_000_000))

    assert "has 1 MB free, expected 67" in refusal("create", "new.tar")
    other = restored_to(monkeypatch, home)
    assert "has 1 MB free, expected 67" in refusal("restore", "home.tar")
    assert not Path("new.tar").exists()
    assert not other.exists()


def test_a_disk_that_fills_while_it_is_written_leaves_nothing(home, monkeypatch):
    call("create", "home.tar")
    full = OSError(errno.ENOSPC, "No space left on device")

    def fails(*_: Any) -> Any:
        raise full

    monkeypatch.setattr(backup, "copy_file", fails)
    monkeypatch.setattr(backup, "_add_text", fails)
    before = sorted(path.name for path in home.parent.iterdir())

    assert "No space left on device" in refusal("create", "new.tar")
    restored_to(monkeypatch, home)
    assert "No space left on device" in refusal("restore", "home.tar")
    assert sorted(path.name for path in home.parent.iterdir()) == before


def test_a_killed_create_leaves_nothing_that_passes_for_a_backup(home):
    """The process is killed while it hashes the first file, and the next create is whole."""
    (home / "models" / "large").write_bytes(bytes(50_000_000))
    slow = (
        "import time, deploy.local.backup_archive as archive, deploy.cli.app as cli\n"
        "archive.ByteCount.add = lambda self, count: (print('on', flush=True), time.sleep(60))\n"
        "cli.main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", slow, "backup", "create", str(home.parent / "home.tar")],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()

    left = [path for path in home.parent.iterdir() if path.suffix in {".tar", ".new"}]
    assert [path.name for path in left] == ["_home.tar.new"]
    assert "_home.tar.new" in refusal("verify", str(left[0]))
    assert call("create", "home.tar").exit_code == 0
    assert [path.name for path in home.parent.glob("*.new")] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("verify", "nofile"), "nofile: no such file"),
        (("restore", "nofile"), "nofile: no such file"),
        (("create", "taken"), "taken exists: name a new file"),
        (("create", "home/x.tar"), "lies in the home"),
    ],
)
def test_a_wrong_file_is_a_wrong_call(home, arguments, said):
    (home.parent / "taken").write_text("")

    assert said in refusal(*arguments, code=2)


def test_topics_of_another_cluster_are_left_to_its_tools(home, monkeypatch):
    call("create", "whole.tar")
    monkeypatch.setenv("REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS", "kafka:9092")

    said = refusal("create", "home.tar", code=2)
    made = document("create", "home.tar", "--files-only")
    other = restored_to(monkeypatch, home)

    assert "the topics are on kafka:9092" in said
    assert made["topics"] is False
    assert "unset REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS" in refusal("restore", "whole.tar")
    assert call("restore", "home.tar").exit_code == 0
    assert not (other / "kafka").exists()


def test_a_manifest_that_is_no_document_is_refused(home, monkeypatch):
    call("create", "home.tar")
    restored_to(monkeypatch, home)
    for text in (b"[" * 200_000, b"[]", b"\xff", b'"text"', b"{}"):

        def alter(member: tarfile.TarInfo, content: bytes, text: bytes = text) -> list[Any]:
            seal = hashlib.sha256(text).hexdigest().encode()
            return [(member, {MANIFEST: text, SEAL: seal}.get(member.name, content))]

        said = refusal("restore", str(rewritten(Path("home.tar"), alter)))

        assert "manifest.json" in said


def test_a_name_that_is_no_text_is_refused(home):
    (home / "models" / "bad\udcff").write_bytes(b"")

    assert "is no UTF-8 text: rename that file" in refusal("create", "home.tar")
    assert not Path("home.tar").exists()


def test_a_backup_is_read_by_its_owner_alone(home):
    call("create", str(home.parent / "home.tar"))

    assert (home.parent / "home.tar").stat().st_mode & 0o777 == 0o600


def test_what_is_no_backup_is_refused_by_name(tmp_path):
    (tmp_path / "text").write_text("no archive" * 200)
    with tarfile.open(tmp_path / "plain.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("readme"))

    assert "text is no backup" in refusal("verify", "text")
    assert "plain.tar has no manifest" in refusal("verify", "plain.tar")


def test_a_prod_home_refuses_deletion_until_its_protection_is_lifted(home, monkeypatch):
    (home / "environment.json").write_text('{"environment": "prod"}')
    monkeypatch.setenv("REGIMEFLOW_ENV", "prod")
    delete = ["home", "delete", "--yes"]
    before = content_of(home)

    protected = CliRunner().invoke(app, delete)
    monkeypatch.setenv("REGIMEFLOW_ENV", "dev")
    elsewhere = CliRunner().invoke(app, delete)

    assert (protected.exit_code, elsewhere.exit_code) == (1, 1)
    assert f"prod protects the home {home} from deletion" in protected.stderr
    assert "belongs to the environment prod, not dev" in elsewhere.stderr
    assert content_of(home) == before
    monkeypatch.setenv("REGIMEFLOW_ENV", "prod")
    monkeypatch.setenv("REGIMEFLOW_DELETION_PROTECTION", "false")
    assert CliRunner().invoke(app, delete).exit_code == 0


def test_a_home_is_deleted_with_what_it_made_and_foreign_files_are_left(home):
    unsure = CliRunner().invoke(app, ["home", "delete"])
    lock = HomeLock(home / "run.lock")
    lock.take()
    running = CliRunner().invoke(app, ["home", "delete", "--yes"])
    lock.release()
    before = content_of(home).keys()
    deleted = CliRunner().invoke(app, ["home", "delete", "--yes", "--json"])
    rest = content_of(home)
    shutil.rmtree(home / "secrets")
    (home / ".env").unlink()
    again = CliRunner().invoke(app, ["home", "delete", "--yes"])

    assert (unsure.exit_code, running.exit_code, deleted.exit_code) == (2, 1, 0)
    assert before >= KEPT.keys()
    assert json.loads(deleted.stdout)["left"] == [".env", "secrets"]
    assert rest.keys() == {".env", "secrets/BINANCE_API_KEY"}
    assert again.exit_code == 0
    assert not home.exists()
