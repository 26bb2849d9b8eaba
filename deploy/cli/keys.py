"""``regimeflow keys``: API keys of machines that ask the gateway."""

from __future__ import annotations

import getpass
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from deploy.cli.console import Json, fail, kafka, show
from deploy.time_text import time_text
from schemas.timeframes import DAY_MS, HOUR_MS
from streams.runtime.wall_clock import wall_ms

if TYPE_CHECKING:
    from deploy.topics.access_keys import Operator
    from schemas.access import AccessKey

app = typer.Typer(
    help="API keys of the gateway: who may read, operate or administer it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

UNITS_MS = {"h": HOUR_MS, "d": DAY_MS, "w": 7 * DAY_MS}
LONGEST_DAYS = 3_650


@app.command("create")
def keys_create(
    name: Annotated[str, typer.Argument(help="Whose it is, for people, e.g. prometheus.")],
    *,
    scope: Annotated[
        Literal["read", "operate", "admin"],
        typer.Option(help="What it may do; each includes those before it."),
    ],
    expires: Annotated[
        str | None, typer.Option(help="How long it counts, e.g. 12h, 90d, 8w; default: for ever.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make an API key and show it, once."""
    from deploy.topics.access_keys import create_key

    if not name.strip() or len(name) > 100:
        raise fail(f"name {name[:40]!r}, expected 1 to 100 characters", 2)
    expires_ms = None if expires is None else wall_ms() + parse_duration_ms(expires)
    with kafka() as settings:
        record, text = create_key(settings, name.strip(), scope, expires_ms, _operator(""))
    until = "for ever" if expires_ms is None else f"until {time_text(expires_ms)} UTC"
    about = (
        f"key {record.key_id} of {record.name} has the scope {scope}, {until}. It is shown this "
        "once: keep it in REGIMEFLOW_API_KEY_FILE or another store of secrets. A gateway asks for "
        "keys where REGIMEFLOW_API_KEYS=true or an issuer is set"
    )
    show({**_document(record), "key": text}, [text, about], as_json=as_json)


@app.command("list")
def keys_list(*, as_json: Json = False) -> None:
    """List every API key, without its secret."""
    from deploy.topics.access_keys import read_keys

    with kafka() as settings:
        keys = sorted(read_keys(settings).values(), key=lambda key: key.event_time_ms)
    now_ms = wall_ms()
    lines = [
        f"{key.key_id}  {key.scope:<7}  {_state(key, now_ms):<28}  {key.name}, made by "
        f"{key.created_by} {time_text(key.event_time_ms)}"
        for key in keys
    ]
    documents = [{**_document(key), "state": _state(key, now_ms)} for key in keys]
    show(documents, lines or ["no API keys"], as_json=as_json)


@app.command("revoke")
def keys_revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it.")],
    *,
    reason: Annotated[str, typer.Option(help="Kept with the audit entry.")] = "",
    as_json: Json = False,
) -> None:
    """End an API key at once, for ever; its open streams are closed."""
    from deploy.topics.access_keys import revoke_key

    with kafka() as settings:
        record = revoke_key(settings, key_id, _operator(reason))
    show(_document(record), [f"key {key_id} of {record.name} is revoked"], as_json=as_json)


def parse_duration_ms(text: str) -> int:
    """Return a duration such as 12h, 90d or 8w in milliseconds; exit code 2 for anything else."""
    parts = re.fullmatch(r"([0-9]{1,5})([hdw])", text.strip().lower())
    duration_ms = int(parts[1]) * UNITS_MS[parts[2]] if parts else 0
    if not 0 < duration_ms <= LONGEST_DAYS * DAY_MS:
        raise fail(f"--expires {text[:40]!r}, expected e.g. 12h, 90d or 8w, at most 10 years", 2)
    return duration_ms


def _operator(reason: str) -> Operator:
    from deploy.topics.access_keys import Operator

    return Operator(getpass.getuser(), wall_ms(), reason)


def _state(key: AccessKey, now_ms: int) -> str:
    if key.revoked_ms is not None:
        return f"revoked {time_text(key.revoked_ms)}"
    if key.expires_ms is None:
        return "counts"
    return f"{'expired' if key.expires_ms <= now_ms else 'until'} {time_text(key.expires_ms)}"


def _document(key: AccessKey) -> dict[str, Any]:
    return key.model_dump(mode="json", exclude={"secret_sha256"})
