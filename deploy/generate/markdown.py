"""The generated parts of CONTRIBUTING.md and of the guide.

``python -m deploy.generate.markdown`` writes them. A part stands between ``<!-- NAME -->`` and
``<!-- end NAME -->``; a test fails when one differs.
"""

from __future__ import annotations

import re
from pathlib import Path

from pydantic.fields import FieldInfo

from deploy.environments import LOG_RETENTION_DAYS, environment_table
from deploy.generate.flow_graph import flow_text, rows
from gateway.settings import GatewaySettings
from schemas.record import Topic
from schemas.timeframes import DAY_MS, MINUTE_MS
from schemas.topics import TOPICS
from streams.runtime.documented_names import ALIASES, REPLACED
from streams.runtime.environment import PREFIX
from workers.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PARTS = {
    "deploy/guide/settings.md": ("environments", "settings"),
    "CONTRIBUTING.md": ("flow", "topics", "replaced"),
}  # by file
HOME = "the user's state folder"


def parts() -> dict[str, str]:
    """Return every generated part by name."""
    return {
        "flow": f"```text\n{flow_text()}\n```",
        "topics": topic_table(),
        "environments": environment_table(),
        "settings": settings(),
        "replaced": replaced(),
    }


def topic_table() -> str:
    """Return the topic table in flow order, with who writes and who reads each."""
    lines = [
        "| Topic | Record | Key | Kept | Written by | Read by | What it holds |",
        "|---|---|---|---|---|---|---|",
    ]
    for topic in TOPICS:
        writers = [row.name for row in rows() if topic.name in row.writes]
        readers = [row.name for row in rows() if topic.name in row.reads]
        cells = (
            f"`{topic.name}`",
            topic.record.__name__,
            topic.key,
            _retention(topic),
            "every worker" if len(writers) > 4 else ", ".join(writers),
            ", ".join(readers) or "people",
            topic.meaning,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _retention(topic: Topic) -> str:
    if topic.compact:
        return "last of each key"
    if topic.retention_ms < 0:
        return "for ever"
    if topic.kept_as_logs:
        days = {name: f"{days} d" for name, days in LOG_RETENTION_DAYS.items()}
        return f"{days['dev']}, in prod {days['prod']}"
    minutes = topic.retention_ms // MINUTE_MS
    return f"{topic.retention_ms // DAY_MS} d" if topic.retention_ms >= DAY_MS else f"{minutes} min"


def settings() -> str:
    """Return the table of settings, of the pipeline and then those of the gateway alone."""
    lines = ["| Variable | Default | Meaning |", "|---|---|---|"]
    seen = set()
    for model in (Settings, GatewaySettings):
        for name, field in model.model_fields.items():
            if name not in seen:
                seen.add(name)
                lines.append(f"| {_names(name)} | {_default(field)} | {_meaning(field)} |")
    return "\n".join(lines)


def _names(name: str) -> str:
    setting = name.upper()
    aliases = [other for other, alias in ALIASES.items() if alias.setting == setting]
    names = [f"{PREFIX}{setting}", *aliases]
    return ", ".join(f"`{each}`" for each in names)


def replaced() -> str:
    """Return the table of documented variables that are refused, with what replaces each."""
    lines = ["| Variable | Instead |", "|---|---|"]
    return "\n".join([*lines, *(f"| `{name}` | {reason} |" for name, reason in REPLACED.items())])


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        made = field.get_default(call_default_factory=True)
        return HOME if isinstance(made, Path) else "none"
    value = field.default
    if value is None or value == ():
        return "none"
    text = ",".join(value) if isinstance(value, tuple) else str(value)
    return f"`{text}`"


def _meaning(field: FieldInfo) -> str:
    return (field.description or "").replace("|", "\\|").replace("<", "\\<")


def rewritten(file: str, text: str) -> str:
    """Return the text of a file with its generated parts in step.

    Raises:
        ValueError: The text has no place for a part.
    """
    generated = parts()
    for name in PARTS[file]:
        place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        match = place.search(text)
        if match is None:
            raise ValueError(f"{file} has no place for {name}: <!-- {name} --> is missing")
        part = f"{match[1]}{generated[name]}\n{match[2]}"
        text = text[: match.start()] + part + text[match.end() :]
    return text


if __name__ == "__main__":
    for file in PARTS:
        (ROOT / file).write_text(rewritten(file, (ROOT / file).read_text()))
