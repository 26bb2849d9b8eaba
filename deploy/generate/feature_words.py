"""Writes the dashboard's words for features from those of the explanations.

``python -m deploy.generate.feature_words`` writes ``featureTables.ts``; a test fails when it is out
of date.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from streams.features.catalog import LADDER
from workers.explain.words import BASE_WORDS, REGIME_WORDS, RUNG_WORDS

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "gateway" / "dashboard" / "src" / "live" / "featureTables.ts"
HEAD = "// Written by deploy/generate/feature_words.py from the words of the explanations.\n"


def tables_text() -> str:
    """Return the whole file."""
    return "\n".join(
        (
            HEAD,
            _table("BASE", BASE_WORDS),
            _table("RUNG", RUNG_WORDS),
            "/** What the models see beside the features: the probability of each regime. */",
            _table("REGIME", REGIME_WORDS),
            "/** Base bars in one bar of each higher timeframe. */",
            f"export const LADDER = {list(LADDER)}\n",
        )
    )


def _table(name: str, words: Mapping[str, str]) -> str:
    rows = "".join(f"  {feature}: {said!r},\n" for feature, said in words.items())
    return f"export const {name}: Record<string, string> = {{\n{rows}}}\n"


if __name__ == "__main__":
    FILE.write_text(tables_text())
