"""The dashboard has words for every feature of the catalogue, and for no other."""

from __future__ import annotations

import re

from deploy.local.dashboard import SOURCE
from streams.features.catalog import BASE_FEATURES, LADDER, RUNG_FEATURES
from workers.explain.attribution import REGIME_INPUTS

WORDS = (SOURCE / "src" / "live" / "featureWords.ts").read_text()


def table(name: str) -> dict[str, str]:
    """Return one table of words, by feature."""
    [body] = re.findall(rf"const {name}: Record<string, string> = {{(.*?)\n}}", WORDS, re.DOTALL)
    return dict(re.findall(r"^ +(\w+): ['\"](.+)['\"],$", body, re.MULTILINE))


def test_every_feature_of_the_base_bars_has_words_in_the_order_of_the_catalogue():
    assert list(table("BASE")) == [feature.name for feature in BASE_FEATURES]


def test_every_feature_of_the_ladder_has_words():
    assert list(table("RUNG")) == list(RUNG_FEATURES)
    assert f"const LADDER = {list(LADDER)}" in WORDS


def test_every_regime_that_the_models_see_has_words():
    assert list(table("REGIME")) == list(REGIME_INPUTS)


def test_no_two_features_have_the_same_words():
    for words in (table("BASE") | table("REGIME"), table("RUNG")):
        assert len(set(words.values())) == len(words)


def test_a_share_of_the_price_is_read_in_percent():
    [listed] = re.findall(r"const SHARES = \[(.*?)\]", WORDS, re.DOTALL)
    of_price = re.compile(
        r"/ close|^ln\((close|high) /| - 1($|[ ;])|log returns$|^From (highs|all)|rate$"
        r"|/ the larger"
    )

    assert re.findall(r"'(\w+)'", listed) == [
        f.name for f in BASE_FEATURES if of_price.search(f.definition)
    ]


def test_what_only_points_is_known_as_such():
    [listed] = re.findall(r"const POINTERS = \[(.*?)\]", WORDS)
    signs = {f.name for f in BASE_FEATURES if f.definition.startswith("+1")}

    assert set(re.findall(r"'(\w+)'", listed)) == signs | {"direction"}
