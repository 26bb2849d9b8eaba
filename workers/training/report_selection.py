"""Who answers for a model, as a part of its report: the verdict, the tests, each specialist."""

from __future__ import annotations

from html import escape

from schemas.specialists import ModelSelection, SelectionTest, Specialist

ANSWERS = {
    "universal": "The universal model answers",
    "argmax": "The specialist of the highest weight answers",
    "blend": "The specialists answer together, each by its weight",
}


def selection_section(selection: ModelSelection | None) -> str:
    """Return the part as HTML; empty for a model of an older release."""
    if selection is None:
        return ""
    tests = "".join(f"<li>{_test(test)}</li>" for test in selection.tests)
    each = "".join(f"<li>{_specialist(one)}</li>" for one in selection.specialists)
    return (
        f"<h2>Who answers</h2><p>{ANSWERS[selection.rule]}: {escape(selection.reason)}.</p>"
        f"<ul>{tests}{each}</ul>"
    )


def _test(test: SelectionTest) -> str:
    verdict = "beats" if test.beats else "does not beat"
    return (
        f"{test.rule} {verdict} the universal model: log-loss {test.log_loss:.4f} beside "
        f"{test.universal_log_loss:.4f}, {test.difference:+.4f} nats a row"
        f"{_interval(test.interval, f'{test.level:.1%}')}, {test.rows:,} rows out of sample"
    )


def _specialist(one: Specialist) -> str:
    text = f"{one.name.replace('_', ' ')}: {escape(one.reason)}"
    if one.log_loss is None or one.universal_log_loss is None:
        return text
    return (
        f"{text}{_interval(one.edge_interval, '95 %')}; in its regime log-loss "
        f"{one.log_loss:.4f}, universal {one.universal_log_loss:.4f}; "
        f"{one.effective_rows or 0.0:,.0f} effective rows"
    )


def _interval(interval: tuple[float, float] | None, level: str) -> str:
    if interval is None:
        return " (no interval: too few blocks of time)"
    return f" ({level}: {interval[0]:+.4f} to {interval[1]:+.4f})"
