"""Which other ways to make the forests were tried, as a part of a model's report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from schemas.variants import FoldSearch, Variant, VariantTest

NAMES: Mapping[Variant, str] = {
    "search": "Parameters that a search found inside each fold",
    "features": "Features of each symbol's own",
    "symbols": "A forest of each symbol's own",
}
COLUMNS = ("Fit", "Trials", "Rows", "Log-loss inside", "Of the defaults", "Chosen")


def variants_section(tests: Sequence[VariantTest], features: Mapping[str, Sequence[str]]) -> str:
    """Return the part as HTML; empty for a model that was tried with nothing else.

    Args:
        tests: Of the model.
        features: By symbol, those that its forest sees, where they are not all.
    """
    if not tests:
        return ""
    each = "".join(f"<li>{_test(test)}</li>" for test in tests)
    own = "".join(
        f"<p>Features of {escape(symbol)}: {escape(', '.join(names))}.</p>"
        for symbol, names in features.items()
    )
    searches = "".join(_searches(test.searches) for test in tests if test.searches)
    return (
        "<h2>Other ways to make the forests</h2><p>Each is tried upon what was kept before it, in "
        "the folds, and kept only where it wins out of sample. The network is the same in all."
        f"</p><ul>{each}</ul>{own}{searches}"
    )


def importance_section(importance: Mapping[str, Mapping[str, float]] | None) -> str:
    """Return how much features matter, by gain and by symbol, as HTML; empty where not recorded.

    Args:
        importance: Of the model's report; ``gain`` first, then each symbol.
    """
    if not importance:
        return ""
    heads = "".join(f"<th>{escape(part)}</th>" for part in ("Feature", *importance))
    rows = ""
    for name in dict.fromkeys(name for part in importance.values() for name in part):
        shares = (part.get(name) for part in importance.values())
        cells = ("below those shown" if share is None else f"{share:.1%}" for share in shares)
        rows += f"<tr><td>{escape(name)}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
    return (
        "<h2>Importance by symbol</h2><p>Shares of what the splits of the shared forest gain, and "
        "of how far each feature moves its answers to a symbol, by TreeSHAP on training rows.</p>"
        f"<div class='wide'><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        "</div>"
    )


def _test(test: VariantTest) -> str:
    edges = " (no interval: too few blocks of time)"
    if test.interval:
        edges = f" ({test.level:.1%}: {test.interval[0]:+.4f} to {test.interval[1]:+.4f})"
    return (
        f"{NAMES[test.variant]}: {'kept' if test.kept else 'not kept'}, {escape(test.reason)}; "
        f"log-loss {test.log_loss:.4f} beside {test.default_log_loss:.4f}, {test.difference:+.4f} "
        f"nats a row{edges}, {test.rows:,} rows; {test.trials} tried"
    )


def _searches(searches: Sequence[FoldSearch]) -> str:
    heads = "".join(f"<th>{name}</th>" for name in COLUMNS)
    rows = "".join(_row(number, one) for number, one in enumerate(searches, start=1))
    return (
        f"<h3>The searches, the last of all rows</h3><div class='wide'><table><thead><tr>{heads}"
        f"</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(number: int, search: FoldSearch) -> str:
    chosen = ", ".join(f"{name} {value:.4g}" for name, value in search.parameters.items())
    cells = (
        number,
        search.trials,
        f"{search.rows:,}",
        f"{search.log_loss:.5f}",
        f"{search.default_log_loss:.5f}",
        escape(chosen or "the defaults"),
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
