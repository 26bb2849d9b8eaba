"""Where settings come from: variables, files of secrets, ``.env``; documented names are aliases.

Each setting has one name, ``REGIMEFLOW_<NAME>``. The first source that names a setting counts:

1. a variable of the environment, or ``<NAME>_FILE``, a file that holds a secret
2. a file of the folder ``REGIMEFLOW_SECRETS_DIR``, named like the secret
3. a line of ``.env`` in the working folder, of ``.env.<REGIMEFLOW_ENV>`` where that exists, or of
   the file ``REGIMEFLOW_ENV_FILE``
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

from dotenv.parser import Binding, parse_stream
from pydantic import Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
)

from streams.runtime.documented_names import ALIASES, REPLACED, Translate, as_it_is

PREFIX = "REGIMEFLOW_"
ENV = f"{PREFIX}ENV"
ENV_FILE = f"{PREFIX}ENV_FILE"
SECRETS_DIR = f"{PREFIX}SECRETS_DIR"
SOURCES = f"{PREFIX}SOURCES"  # a run tells its processes where what it tells them comes from
LARGEST_SECRET_BYTES = 65_536
YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


EnvironmentName = Literal["dev", "staging", "prod"]
ENVIRONMENTS: tuple[EnvironmentName, ...] = get_args(EnvironmentName)


class EnvironmentRefused(ValueError):
    """The surroundings contradict themselves; the message names the variable and what to do."""


# run: an option of the run, or what it decided, such as the address of its own broker.
SourceKind = Literal["run", "variable", "secret file", ".env", "default"]


class NamedValue(NamedTuple):
    """One value of a source: by what name a message calls it, whose it is, what it says."""

    shown: str
    name: str
    value: str
    kind: SourceKind


# These may come from files, and no message names their values.
SECRETS = frozenset(
    {
        "API_KEY",
        "BINANCE_API_KEY",
        "BINANCE_API_SECRET",
        "KAFKA_CLIENT",
        "MLFLOW_PASSWORD",
        "NOTIFY_URLS",
        "REDIS_URL",
        "TUNING_STORAGE",
    }
)

# What start-up reads itself: no field of the settings.
STARTUP_NAMES = frozenset(
    {ENV_FILE, SECRETS_DIR, SOURCES}
    | {f"{PREFIX}{name}" for name in ("CACHE", "GIT_COMMIT", "METRICS_HOST", "METRICS_PORT")}
    | {f"{PREFIX}{name}_FILE" for name in SECRETS}
    | {name for name in ALIASES if name.startswith(PREFIX)}
)


def read_environment(
    variables: Mapping[str, str] | None = None, folder: Path | None = None
) -> dict[str, str]:
    """Return the value of every setting that some source names; as ``setting_sources``."""
    return {name: each.value for name, each in setting_sources(variables, folder).items()}


def setting_sources(
    variables: Mapping[str, str] | None = None, folder: Path | None = None
) -> dict[str, NamedValue]:
    """Return by ``REGIMEFLOW_<NAME>`` the value that counts, its source, and its name there.

    A setting that no source names has its default, and is absent.

    Args:
        variables: Of the environment; those of this process by default.
        folder: Working folder; that of this process by default.

    Raises:
        EnvironmentRefused: A name is replaced, one source gives a setting two values, a file or
            a line of ``.env`` cannot be read, or a value is no text.
    """
    variables = os.environ if variables is None else variables
    folder = folder or Path()
    lines = list(_env_file(variables, folder))
    secrets_dir = variables.get(SECRETS_DIR) or {e.name: e.value for e in lines}.get(SECRETS_DIR)
    told = [(name, value) for name, value in variables.items() if name != SOURCES]
    sources = (
        _settings(NamedValue(name, name, value, "variable") for name, value in told),
        _settings(_secret_files(secrets_dir)),
        _settings(lines),
    )
    values = {name: each for source in reversed(sources) for name, each in source.items()}
    by_run: dict[str, tuple[SourceKind, str]] = json.loads(variables.get(SOURCES) or "{}")
    for name in by_run.keys() & values.keys():
        kind, shown = by_run[name]
        values[name] = values[name]._replace(kind=kind, shown=shown)
    return values


def public_variables(settings: Mapping[str, str]) -> dict[str, str]:
    """Return what a stored config may read as ``${NAME}``: documented names that hold no secret.

    Args:
        settings: As ``read_environment`` returns them.
    """
    public = {
        name: settings.get(f"{PREFIX}{alias.setting}", "")
        for name, alias in ALIASES.items()
        if alias.setting not in SECRETS
    }
    return {name: value for name, value in public.items() if value and "@" not in value}


def child_environment(variables: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child with these settings; it keeps no second name of them."""
    names = {name.removeprefix(PREFIX) for name in settings}
    aliases = {name for name, alias in ALIASES.items() if _weaker(alias.setting) in names}
    return {**{n: v for n, v in variables.items() if n not in aliases}, **settings}


class NamedSettings(BaseSettings):
    """Settings that come from ``read_environment`` and from arguments, which go first."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the arguments and our own reading of the surroundings."""
        return init_settings, _EnvironmentSource(settings_cls)


class GatewayFields(NamedSettings):
    """What only the gateway is told; declared here, so that no other process calls it misspelt."""

    host: str = Field(default="127.0.0.1", description="Address to listen on")
    port: int = Field(default=8080, ge=0, le=65_535, description="0: any free port")
    insecure: bool = Field(
        default=False, description="Listen beyond loopback although nobody has to sign in"
    )
    api_keys: bool = Field(
        default=False, description="Requests need an API key, or a token where an issuer is set"
    )
    oidc_issuer: str | None = Field(
        default=None, description="Whose tokens sign people in, exactly as `iss` names it"
    )
    oidc_audience: str | None = Field(
        default=None, description="What `aud` must name; unset: the client"
    )
    oidc_client_id: str | None = Field(
        default=None, description="As whom the dashboard signs people in"
    )
    oidc_jwks_url: str | None = Field(
        default=None, description="Of the issuer's keys; unset: as its discovery document says"
    )
    oidc_scope_claims: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("scope", "scp"),
        description="Where tokens name read, operate or admin, by commas, such as cognito:groups",
    )
    oidc_scope_prefix: str = Field(
        default="", description="Before those names in a token, such as regimeflow/"
    )
    oidc_request_scopes: str = Field(
        default="openid profile", description="What the dashboard asks the issuer for"
    )
    cognito_user_pool_id: str | None = Field(
        default=None, description="Its tokens sign people in, in place of an OIDC issuer"
    )
    cognito_client_id: str | None = Field(default=None, description="App client of the user pool")
    cognito_region: str = Field(default="us-east-1", description="Of the user pool")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Other origins whose pages may ask, exactly, by commas: https://desk.example",
    )
    rate_limit: str | None = Field(
        default=None,
        description="Requests of one user, key or address, such as 600/minute, or off; unset: "
        "3000/minute where somebody has to sign in, else off",
    )
    api_key: SecretStr | None = Field(
        default=None, description="Shown to the gateway by the commands that ask it"
    )
    redis_url: SecretStr | None = Field(
        default=None, description="Shared cache, limits and tickets; unset: memory"
    )


def setting_names(settings: type[NamedSettings]) -> set[str]:
    """Return the names of some settings' fields in the environment."""
    return {f"{PREFIX}{name}".upper() for name in settings.model_fields}


class _EnvironmentSource(EnvSettingsSource):
    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in read_environment().items()}

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Return what the JSON says; text that is none is refused by the field, without a trace."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


def _env_file_name(environment: str | None, folder: Path) -> str:
    """Return ``.env.<environment>`` where the folder has that file, else ``.env``."""
    own = f".env.{environment}"
    return own if environment in ENVIRONMENTS and (folder / own).is_file() else ".env"


def _env_file(variables: Mapping[str, str], folder: Path) -> Iterator[NamedValue]:
    named = variables.get(ENV_FILE)
    path = folder / (_env_file_name(variables.get(ENV), folder) if named is None else named)
    try:
        if not path.is_file():
            if named:
                raise EnvironmentRefused(f"{ENV_FILE}: {named!r} is no file")
            return
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as failed:
        raise EnvironmentRefused(f"{path}: cannot be read ({failed})") from None
    for line in parse_stream(io.StringIO(text)):
        if line.error:  # its text may be a secret
            raise EnvironmentRefused(f"{path}: line {_line_number(line)} is not NAME=value")
        if line.key is not None and line.value is not None:
            yield NamedValue(line.key, line.key, line.value, ".env")


def _line_number(line: Binding) -> int:
    """Return where a line stands; the parser counts from the blank ones before it."""
    text = line.original.string
    blank = text[: len(text) - len(text.lstrip())]
    return line.original.line + blank.count("\n")


def _secret_files(folder: str | None) -> Iterator[NamedValue]:
    if not folder:
        return
    if not Path(folder).is_dir():
        raise EnvironmentRefused(f"{SECRETS_DIR}: {folder!r} is no folder")
    names = {f"{PREFIX}{name}" for name in SECRETS}
    names |= {name for name, alias in ALIASES.items() if alias.setting in SECRETS}
    for path in sorted(Path(folder).iterdir()):
        if (name := path.name.upper()) in names:
            yield NamedValue(path.name, name, _secret(name, path), "secret file")


def _secret(name: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_SECRET_BYTES + 1)
        if len(content) > LARGEST_SECRET_BYTES:
            raise EnvironmentRefused(f"{name}: {path} holds more than {LARGEST_SECRET_BYTES} bytes")
        return content.decode("utf-8-sig").strip("\r\n")
    except OSError as failed:
        raise EnvironmentRefused(f"{name}: {path} cannot be read ({failed.strerror})") from None
    except UnicodeDecodeError:
        raise EnvironmentRefused(f"{name}: {path} is no UTF-8 text") from None


def _settings(entries: Iterable[NamedValue]) -> dict[str, NamedValue]:
    """Return one source's settings by our names."""
    values: dict[str, NamedValue] = {}
    for entry in _read_files(entries):
        if entry.value and entry.name in REPLACED:
            raise EnvironmentRefused(
                f"{entry.name} is set, and replaced: {REPLACED[entry.name]}. Unset it"
            )
        setting, translate = _setting(entry.name)
        if setting is None:
            continue
        _require_text(entry.shown, entry.value)
        named = entry._replace(value=translate(entry.value) if entry.value else "")
        earlier = values.setdefault(setting, named)
        if named.value and earlier.value and named.value != earlier.value:
            raise EnvironmentRefused(_two_values(setting, earlier, named))
        if named.value and not earlier.value:
            values[setting] = named
    debug = values.pop("DEBUG", NamedValue("", "", "", "default"))
    if debug.value.lower() not in (*YES, *NO):
        raise EnvironmentRefused(f"{debug.shown}={debug.value!r}, expected true or false")
    if debug.value.lower() in YES:
        values.setdefault("LOG_LEVEL", debug._replace(value="DEBUG"))
    return {f"{PREFIX}{setting}": each for setting, each in values.items()}


def _read_files(entries: Iterable[NamedValue]) -> Iterator[NamedValue]:
    """Yield the entries, those that name a file of a secret with what it holds."""
    for entry in entries:
        stem = entry.name.removesuffix("_FILE")
        if stem == entry.name or _setting(stem)[0] not in SECRETS:
            yield entry
        elif entry.value:
            _require_text(entry.shown, entry.value)
            value = _secret(entry.shown, Path(entry.value))
            yield NamedValue(entry.shown, stem, value, "secret file")


def _require_text(shown: str, value: str) -> None:
    """Raise ``EnvironmentRefused`` for a value that no process could be told or could write."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise EnvironmentRefused(f"{shown}: its value is no UTF-8 text") from None
    if "\0" in value:
        raise EnvironmentRefused(f"{shown}: its value holds a NUL character")


def _setting(name: str) -> tuple[str | None, Translate]:
    alias = ALIASES.get(name)
    if alias is not None:
        return alias.setting, alias.translate
    return (name.removeprefix(PREFIX) if name.startswith(PREFIX) else None), as_it_is


def _two_values(setting: str, one: NamedValue, other: NamedValue) -> str:
    if setting in SECRETS:
        both = f"{one.shown} and {other.shown}"
    else:
        both = f"{one.shown}={one.value!r} and {other.shown}={other.value!r}"
    return f"{both} give one setting two values; keep one of them"


def _weaker(setting: str) -> str:
    return "LOG_LEVEL" if setting == "DEBUG" else setting
