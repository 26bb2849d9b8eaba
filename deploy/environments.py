"""What an environment expects of the settings: one table, shown in the guide, checked at a start.

An expectation that must be met stops a start; advice is only noted. ``regimeflow doctor`` shows
every row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.runtime.environment import ENVIRONMENTS, PREFIX, SECRETS, EnvironmentName, NamedValue

if TYPE_CHECKING:
    from gateway.settings import GatewaySettings
    from workers.settings import Settings

LOG_RETENTION_DAYS: Mapping[EnvironmentName, int] = {"dev": 30, "staging": 30, "prod": 90}
PROTECTED: tuple[EnvironmentName, ...] = ("prod",)
LOCAL, EXTERNAL = "local processes and a broker of their own", "external Kafka"
NOTHING, ANY = "none", "any"


def log_retention_days(settings: Settings) -> int:
    """Return how many days logs are kept: as set, else as the environment has it."""
    return settings.log_retention_days or LOG_RETENTION_DAYS[settings.env]


def deletion_protected(settings: Settings) -> bool:
    """Whether nothing that is kept may be deleted: as set, else as the environment has it."""
    if settings.deletion_protection is None:
        return settings.env in PROTECTED
    return settings.deletion_protection


@dataclass(frozen=True)
class SettingsInForce:
    """All settings of a start, and where each is said."""

    pipeline: Settings
    gateway: GatewaySettings
    sources: Mapping[str, NamedValue]


@dataclass(frozen=True)
class Expectation:
    """What one environment expects, in words, and whether settings meet it."""

    words: str
    met: Callable[[SettingsInForce], bool] = lambda _: True


@dataclass(frozen=True)
class EnvironmentRow:
    """One row of the table.

    Attributes:
        name: Of what is expected.
        setting: The variables that decide it; empty: nothing can change it.
        value: What is in force, in words; never a secret.
        dev, staging, prod: What each environment expects.
        remedy: What mends a setting that does not meet it.
        advice: It is noted, and stops no start.
        gateway: It concerns only a start with a gateway.
    """

    name: str
    setting: str
    value: Callable[[SettingsInForce], str]
    dev: Expectation
    staging: Expectation
    prod: Expectation
    remedy: str = ""
    advice: bool = False
    gateway: bool = False

    def expectation(self, environment: EnvironmentName) -> Expectation:
        """Return what an environment expects."""
        return {"dev": self.dev, "staging": self.staging, "prod": self.prod}[environment]


@dataclass(frozen=True)
class Finding:
    """What a row says of the settings in force."""

    row: EnvironmentRow
    environment: EnvironmentName
    value: str
    expected: str
    met: bool

    def __str__(self) -> str:
        """Return the setting, its value and what is expected."""
        return f"{variables(self.row)}: {self.value}; {self.environment} expects {self.expected}"

    @property
    def refused(self) -> bool:
        """Whether nothing may start."""
        return not (self.met or self.row.advice)


def examine_environment(settings: SettingsInForce, *, gateway: bool = True) -> Iterator[Finding]:
    """Yield what each row of the table says, of the gateway's only where one is started."""
    for row in ROWS:
        if row.gateway and not gateway:
            continue
        expectation = row.expectation(settings.pipeline.env)
        met = expectation.met(settings)
        yield Finding(row, settings.pipeline.env, row.value(settings), expectation.words, met)


def refusals(settings: SettingsInForce) -> list[str]:
    """Return why no gateway may start with these settings, each with its remedy."""
    findings = examine_environment(settings)
    return [f"{finding}: {finding.row.remedy}" for finding in findings if finding.refused]


def _on_off(on: bool) -> str:  # noqa: FBT001 - what it says
    return "on" if on else "off"


def _executor(settings: SettingsInForce) -> str:
    return LOCAL if settings.pipeline.kafka_bootstrap_servers is None else EXTERNAL


def _access(settings: SettingsInForce) -> str:
    gateway = settings.gateway
    ways = [gateway.issuer or "", "API keys" if gateway.api_keys else ""]
    return " and ".join(filter(None, ways)) or "nobody has to sign in"


def _kept_at_least(days: int) -> Expectation:
    return Expectation(f"{days} days or more", lambda s: log_retention_days(s.pipeline) >= days)


def _kafka_connection(settings: SettingsInForce) -> str:
    if _executor(settings) == LOCAL:
        return "on loopback"
    return settings.pipeline.kafka_client.get("security.protocol", "plaintext").upper()


def _secrets_in_env_file(settings: SettingsInForce) -> str:
    secret = [f"{PREFIX}{name}" for name in sorted(SECRETS)]
    sources = settings.sources
    named = [name for name in secret if name in sources and sources[name].kind == ".env"]
    return f"{', '.join(named)} in .env" if named else "none in .env"


def _outside_https(settings: SettingsInForce) -> str:
    origins = settings.gateway.cors_origins
    return ", ".join(each for each in origins if not each.startswith("https://"))


_ANY = Expectation(ANY)
_EXTERNAL = Expectation(EXTERNAL, lambda s: _executor(s) == EXTERNAL)
_SIGNED_IN = Expectation("somebody has to sign in", lambda s: s.gateway.auth_required)
_NOT_IN_FILE = Expectation("none in .env", lambda s: _secrets_in_env_file(s) == "none in .env")
_MLFLOW = Expectation("an address", lambda s: bool(s.pipeline.mlflow_tracking_uri))
_JSON_LINES = Expectation("JSON lines")

ROWS: tuple[EnvironmentRow, ...] = (
    EnvironmentRow(
        "executor",
        "KAFKA_BOOTSTRAP_SERVERS",
        _executor,
        dev=Expectation(f"{LOCAL}, or {EXTERNAL}"),
        staging=_EXTERNAL,
        prod=_EXTERNAL,
        remedy="name the cluster: a local broker is one process with one copy of the data",
    ),
    EnvironmentRow(
        "connection to Kafka",
        "KAFKA_CLIENT",
        _kafka_connection,
        dev=_ANY,
        staging=_ANY,
        prod=Expectation(
            "SSL or SASL_SSL", lambda s: not _kafka_connection(s).endswith("PLAINTEXT")
        ),
        remedy='set {"security.protocol": "SASL_SSL", ...}, unless the network itself is closed',
        advice=True,
    ),
    EnvironmentRow(
        "log retention",
        "LOG_RETENTION_DAYS",
        lambda s: f"{log_retention_days(s.pipeline)} days",
        dev=Expectation("any; 30 days by default"),
        staging=_kept_at_least(30),
        prod=_kept_at_least(90),
        remedy="unset it: the environment's is the default",
    ),
    EnvironmentRow(
        "deletion protection",
        "DELETION_PROTECTION",
        lambda s: _on_off(deletion_protected(s.pipeline)),
        dev=Expectation("any; off by default"),
        staging=Expectation("any; off by default"),
        prod=Expectation("on", lambda s: deletion_protected(s.pipeline)),
        remedy="unset it: the environment's is the default",
    ),
    EnvironmentRow(
        "access",
        "API_KEYS, OIDC_ISSUER",
        _access,
        dev=Expectation("any; beyond loopback somebody has to sign in"),
        staging=_SIGNED_IN,
        prod=_SIGNED_IN,
        remedy="set REGIMEFLOW_API_KEYS=true and make a key with `regimeflow keys create`, or set "
        "REGIMEFLOW_OIDC_ISSUER",
        gateway=True,
    ),
    EnvironmentRow(
        "rate limit",
        "RATE_LIMIT",
        lambda s: s.gateway.requests_limit or "off",
        dev=_ANY,
        staging=_ANY,
        prod=Expectation("on", lambda s: s.gateway.requests_limit is not None),
        remedy="unset it: where somebody has to sign in the default is 3000/minute",
        gateway=True,
    ),
    EnvironmentRow(
        "other origins",
        "CORS_ORIGINS",
        lambda s: ", ".join(s.gateway.cors_origins) or NOTHING,
        dev=_ANY,
        staging=_ANY,
        prod=Expectation("https:// alone", lambda s: not _outside_https(s)),
        remedy="name https:// origins, or none",
        gateway=True,
    ),
    EnvironmentRow(
        "secrets",
        "SECRETS_DIR",
        _secrets_in_env_file,
        dev=_ANY,
        staging=_NOT_IN_FILE,
        prod=_NOT_IN_FILE,
        remedy="keep them as files of REGIMEFLOW_SECRETS_DIR, or name each with <NAME>_FILE",
    ),
    EnvironmentRow("log format", "", lambda _: "JSON lines", _JSON_LINES, _JSON_LINES, _JSON_LINES),
    EnvironmentRow(
        "log level",
        "LOG_LEVEL",
        lambda s: s.pipeline.log_level,
        dev=_ANY,
        staging=_ANY,
        prod=Expectation("INFO or WARNING", lambda s: s.pipeline.log_level in {"INFO", "WARNING"}),
        remedy="unset it: INFO is the default",
        advice=True,
    ),
    EnvironmentRow(
        "market",
        "EXCHANGE",
        lambda s: s.pipeline.exchange,
        dev=_ANY,
        staging=_ANY,
        prod=Expectation("binanceusdm", lambda s: s.pipeline.exchange == "binanceusdm"),
        remedy="set it to the real venue: the simulated market is no evidence of anything",
        advice=True,
    ),
    EnvironmentRow(
        "MLflow",
        "MLFLOW_TRACKING_URI",
        lambda s: "an address" if s.pipeline.mlflow_tracking_uri else "<home>/mlflow.db",
        dev=_ANY,
        staging=_MLFLOW,
        prod=_MLFLOW,
        remedy="name the server that people look at",
        advice=True,
    ),
    EnvironmentRow(
        "notifications",
        "NOTIFY_URLS",
        lambda s: "set" if s.pipeline.notify_urls else NOTHING,
        dev=_ANY,
        staging=_ANY,
        prod=Expectation("set", lambda s: bool(s.pipeline.notify_urls)),
        remedy="name who is told of failures, then `regimeflow notify test`",
        advice=True,
    ),
)


def variables(row: EnvironmentRow) -> str:
    """Return the variables of a row by their whole names."""
    return ", ".join(f"{PREFIX}{name}" for name in row.setting.split(", ") if name)


def environment_table() -> str:
    """Return the table as Markdown."""
    lines = [
        f"| | {' | '.join(ENVIRONMENTS)} | Set by | A start is |",
        "|---|---|---|---|---|---|",
    ]
    for row in ROWS:
        words = [row.expectation(name).words for name in ENVIRONMENTS]
        names = ", ".join(f"`{name}`" for name in variables(row).split(", ") if name) or "nothing"
        strict = any(words[0] != each for each in words[1:])
        ends = "" if not strict else "told" if row.advice else "refused"
        lines.append(f"| {row.name} | {' | '.join(words)} | {names} | {ends} |")
    return "\n".join(lines).replace("<", "\\<")
