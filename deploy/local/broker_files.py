"""Texts of the local broker's files: properties, logging, JVM options. Pure."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

# After a crash a single node waits for the end of its old session: 2 s here, 9 by default.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
log.dirs={log_dir}
auto.create.topics.enable=false
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
default.replication.factor=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=2097152
log.index.size.max.bytes=1048576
log.message.timestamp.type=LogAppendTime
log.segment.bytes=16777216
num.io.threads=2
num.network.threads=2
num.partitions=1
offsets.retention.minutes=2000000000
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.replication.factor=1
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
"""

LOGGING = """\
appenders=file
appender.file.type=RollingFile
appender.file.name=file
appender.file.fileName={log}
appender.file.filePattern={log}.%i
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d{{ISO8601}} %p %m (%c{{1}})%n
appender.file.policies.type=SizeBasedTriggeringPolicy
appender.file.policies.size=10MB
appender.file.strategy.type=DefaultRolloverStrategy
appender.file.strategy.max=3
rootLogger.level=INFO
rootLogger.appenderRef.file.ref=file
logger.config.name=org.apache.kafka.common.config.AbstractConfig
logger.config.level=WARN
"""


def properties(port: int, controller_port: int, log_dir: Path) -> str:
    """Return server.properties of a one-node broker and controller on loopback."""
    return PROPERTIES.format(
        port=port, controller_port=controller_port, log_dir=property_text(str(log_dir))
    )


def logging_properties(log: Path) -> str:
    """Return log4j2 settings: one file, rotated at 10 MB, three old files."""
    return LOGGING.format(log=property_text(str(log)))


def property_text(text: str) -> str:
    """Return a value as Java reads it from a properties file: ASCII, the rest as UTF-16 units."""
    units = text.replace("\\", "\\\\").encode("utf-16-be")
    codes = [int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2)]
    return "".join(chr(code) if code < 128 else f"\\u{code:04x}" for code in codes)


def jvm_options(folder: Path, heap_mb: int) -> list[str]:
    """Return JVM options of a small broker that starts fast and writes only in its folder."""
    return [
        f"-Xms{heap_mb // 4}m",  # it grows when it must
        f"-Xmx{heap_mb}m",
        "-XX:+UseG1GC",  # one that collects the whole heap stops every record for 300 ms
        "-XX:G1HeapRegionSize=1m",
        "-XX:ConcGCThreads=1",
        "-Xmn48m",  # records live for milliseconds
        "-XX:TieredStopAtLevel=1",
        "-XX:MaxDirectMemorySize=64m",
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:-UsePerfData",
        f"-XX:ErrorFile={folder / 'logs' / 'crash.log'}",
        f"-Djava.io.tmpdir={folder / 'tmp'}",
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}",
    ]


def new_cluster_id() -> str:
    """Return a random Kafka cluster id: 16 bytes, URL-safe base64 without padding.

    It never begins with '-': the formatter would read it as an option.
    """
    while True:
        cluster_id = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        if not cluster_id.startswith("-"):
            return cluster_id
