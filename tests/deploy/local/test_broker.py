"""The local broker's files, jars, lock and diagnosis, without starting it."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local import broker_files, jars
from deploy.local.broker import TETHER, BrokerSettings, LocalBroker
from deploy.local.diagnosis import cause_of_death, check_data_folder
from deploy.local.errors import (
    BrokerDiedError,
    DiskFullError,
    FolderError,
    HomeInUseError,
    JarsError,
    PortTakenError,
)
from deploy.local.home_lock import HomeLock, holder
from deploy.local.ports import FREE_PORTS, usable_port
from tests.fakes.processes import ends

META = "#\ncluster.id=wY-BOw_v8tdccTJimi6Osw\ndirectory.id=x\nnode.id=1\nversion=1\n"


def settings_in(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def test_broker_listens_on_loopback_alone():
    text = broker_files.properties(port=20001, controller_port=20002, log_dir=Path("/x/data"))

    settings = settings_in(text)

    assert settings["listeners"] == "PLAINTEXT://127.0.0.1:20001,CONTROLLER://127.0.0.1:20002"
    assert settings["controller.quorum.voters"] == "1@127.0.0.1:20002"
    assert settings["log.dirs"] == "/x/data"


@pytest.mark.parametrize("bad", ["a,b", "${x}", "line\nbreak"])
def test_a_home_that_kafka_would_misread_is_refused_with_the_reason(tmp_path, bad):
    broker = LocalBroker(BrokerSettings(home=tmp_path / bad, min_free_mb=1))

    with pytest.raises(FolderError, match="REGIMEFLOW_HOME"):
        broker.start()

    assert not (tmp_path / bad).exists()


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_java_reads_a_path_of_any_letters_as_it_is(text):
    written = broker_files.property_text(text)

    units = re.sub(
        r"\\\\|\\u([0-9a-f]{4})", lambda m: chr(int(m[1], 16)) if m[1] else "\\", written
    )
    assert written.isascii()
    assert units.encode("utf-16", "surrogatepass").decode("utf-16") == text


def test_facts_outlive_default_retention_of_offsets_and_carry_append_time():
    settings = settings_in(broker_files.properties(1, 2, Path("/x")))

    minutes_of_a_year = 365 * 24 * 60
    assert int(settings["offsets.retention.minutes"]) >= minutes_of_a_year
    assert settings["log.message.timestamp.type"] == "LogAppendTime"
    assert settings["auto.create.topics.enable"] == "false"


def test_jvm_leaves_nothing_outside_the_broker_folder():
    options = broker_files.jvm_options(Path("/x/kafka"), heap_mb=384)

    assert "-Xmx384m" in options
    assert "-Djava.io.tmpdir=/x/kafka/tmp" in options
    assert "-XX:-UsePerfData" in options


def test_cluster_id_never_begins_with_a_dash(monkeypatch):
    draws = iter([b"\xfb" + bytes(15), b"\xf8" * 16, bytes(16)])
    monkeypatch.setattr(secrets, "token_bytes", lambda _: next(draws))

    assert broker_files.new_cluster_id() == "AAAAAAAAAAAAAAAAAAAAAA"


def test_committed_lock_names_kafka_and_its_log_binding():
    locked = {str(jar): jar for jar in jars.parse_lock(jars.LOCK.read_text())}

    assert len(locked) == 46
    assert jars.KAFKA in locked
    assert jars.LOG_BINDING in locked
    assert len({jar.file_name for jar in locked.values()}) == 46


@pytest.mark.parametrize(
    "line", ["a:b:1", "a:b:1 abc", "a:b " + "0" * 64, "a:b:1 " + "G" * 64, "a:b:1  " + "0" * 64]
)
def test_a_bad_lock_line_is_named(line):
    with pytest.raises(ValueError, match="line 2"):
        jars.parse_lock("# comment\n" + line)


class FakeMaven:
    """Hands out a jar with the given bytes, counting how often."""

    def __init__(self, folder: Path, content: bytes) -> None:
        self.path, self.content, self.fetches = folder / "fetched.jar", content, 0

    def project(self, *_: str) -> FakeMaven:
        return self

    at_version = artifact = project

    def resolve(self) -> Path:
        self.fetches += 1
        self.path.write_bytes(self.content)
        return self.path


@pytest.fixture
def one_jar_lock(tmp_path, monkeypatch):
    """A lock with one jar whose right content is ``right``."""
    lock = tmp_path / "jars.lock"
    lock.write_text(f"org.example:one:1 {hashlib.sha256(b'right').hexdigest()}\n")
    monkeypatch.setattr(jars, "LOCK", lock)


def serve(monkeypatch, tmp_path: Path, content: bytes) -> FakeMaven:
    maven = FakeMaven(tmp_path, content)
    monkeypatch.setattr(jars, "_maven", lambda _: maven)
    return maven


@pytest.mark.usefixtures("one_jar_lock")
def test_a_fetched_jar_that_differs_from_the_lock_is_refused(tmp_path, monkeypatch):
    maven = serve(monkeypatch, tmp_path, b"wrong")

    with pytest.raises(JarsError, match=r"org\.example:one:1.*the lock expects"):
        jars.ensure_jars(tmp_path / "cache", lambda *_: None)

    assert maven.fetches == jars.ATTEMPTS
    assert not list((tmp_path / "cache").rglob("*.jar"))


@pytest.mark.usefixtures("one_jar_lock")
def test_jars_are_fetched_once_and_again_only_when_altered(tmp_path, monkeypatch):
    maven = serve(monkeypatch, tmp_path, b"right")

    (path,) = jars.ensure_jars(tmp_path / "cache", lambda *_: None)
    jars.ensure_jars(tmp_path / "cache", lambda *_: None)
    fetches_when_untouched = maven.fetches
    path.write_bytes(b"altered")
    jars.ensure_jars(tmp_path / "cache", lambda *_: None)

    assert fetches_when_untouched == 1
    assert maven.fetches == 2
    assert path.read_bytes() == b"right"


@pytest.mark.usefixtures("one_jar_lock")
def test_a_touched_but_right_jar_is_checked_and_kept(tmp_path, monkeypatch):
    maven = serve(monkeypatch, tmp_path, b"right")
    (path,) = jars.ensure_jars(tmp_path / "cache", lambda *_: None)

    os.utime(path, (1, 1))
    jars.ensure_jars(tmp_path / "cache", lambda *_: None)

    assert maven.fetches == 1


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("x ERROR java.net.BindException: Address already in use (K)", PortTakenError),
        ("x ERROR java.io.IOException: No space left on device (K)", DiskFullError),
        ("x ERROR Failed to acquire lock on file .lock in /x (K)", HomeInUseError),
        ("x ERROR Shutdown broker because all log dirs in /x have failed (K)", FolderError),
        ("x INFO fine\ny ERROR out of luck (K)", BrokerDiedError),
        ("Error: could not reserve memory", BrokerDiedError),
        ("", BrokerDiedError),
    ],
)
def test_cause_of_death_is_read_from_the_log(written, expected):
    error = cause_of_death(written, Path("/x/data"), Path("/x/logs/broker.log"))

    assert type(error) is expected


def make_data(folder: Path) -> Path:
    (folder / "__cluster_metadata-0").mkdir(parents=True)
    (folder / "meta.properties").write_text(META)
    return folder


def test_a_sound_a_fresh_and_a_missing_data_folder_pass(tmp_path):
    sound = make_data(tmp_path / "data")
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    (fresh / "meta.properties").write_text(META)

    for folder in (sound, fresh, tmp_path / "missing"):
        check_data_folder(folder)


def lose_meta(data: Path) -> None:
    (data / "meta.properties").unlink()


def garble_meta(data: Path) -> None:
    (data / "meta.properties").write_bytes(b"\xff\x00\xfe")


def rename_node(data: Path) -> None:
    (data / "meta.properties").write_text(META.replace("node.id=1", "node.id=2"))


def lose_metadata_log(data: Path) -> None:
    (data / "__cluster_metadata-0").rename(data / "market.bars.v1-0")


def leave_a_stray(data: Path) -> None:
    (data / "market.bars.v1-0.0123-stray").mkdir()


@pytest.mark.parametrize(
    "damage", [lose_meta, garble_meta, rename_node, lose_metadata_log, leave_a_stray]
)
def test_a_damaged_data_folder_is_refused_with_the_way_out(tmp_path, damage):
    data = make_data(tmp_path / "data")

    damage(data)

    with pytest.raises(FolderError, match=r"mv '.*data' '.*data\.broken'"):
        check_data_folder(data)


def test_a_held_home_names_its_holder_until_released(tmp_path):
    path = tmp_path / "broker.lock"
    first, second = HomeLock(path), HomeLock(path)

    first.take()
    first.describe("127.0.0.1:20001")

    assert holder(path) == {"pid": os.getpid(), "bootstrap": "127.0.0.1:20001"}
    with pytest.raises(HomeInUseError, match=str(os.getpid())):
        second.take()
    first.release()
    assert holder(path) == {}
    second.take()
    second.release()


def test_what_a_dead_holder_wrote_is_not_believed(tmp_path):
    path = tmp_path / "broker.lock"
    path.write_text('{"pid": 1, "bootstrap": "127.0.0.1:20001"}')

    assert holder(path) == {}


def test_a_free_port_lies_outside_the_range_of_outgoing_connections():
    assert {usable_port(0) for _ in range(5)} <= set(FREE_PORTS)


def test_a_tethered_program_ends_with_its_killed_parent():
    script = (
        "import os, subprocess\n"
        f"command = [{sys.executable!r}, '-I', {str(TETHER)!r}, str(os.getpid()), 'sleep', '60']\n"
        "tether = subprocess.Popen(command, stdout=subprocess.PIPE)\n"
        "print(tether.stdout.readline().decode(), flush=True)\n"
        "tether.wait()\n"
    )

    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()

    assert ends(pid, within_s=10)


@pytest.mark.parametrize(("by", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, 137)])
def test_a_tether_reports_the_signal_that_ended_its_program(by, code):
    command = [sys.executable, "-I", str(TETHER), str(os.getpid()), "sleep", "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as tether:
        assert tether.stdout is not None
        os.kill(int(tether.stdout.readline()), by)

    assert tether.returncode == code
