"""The dashboard has words for every feature of the catalogue, and for no other."""

from __future__ import annotations

import re

from deploy.local.dashboard import SOURCE
from streams.features.catalog import BASE_FEATURES, LADDER, RUNG_FEATURES
from workers.explain.attribution import REGIME_INPUTS
from workers.explain.words import BASE_WORDS, REGIME_WORDS, RUNG_WORDS, feature_words

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


def test_the_sentence_of_an_explanation_says_the_words_of_the_dashboard():
    for name, words in (("BASE", BASE_WORDS), ("RUNG", RUNG_WORDS), ("REGIME", REGIME_WORDS)):
        assert {
            each: said.replace("\N{MINUS SIGN}", "-") for each, said in table(name).items()
        } == words
    assert feature_words("htf3_adx_14") == "strength of the trend, ADX, on bars 60 x as long"
    assert feature_words("some_new_one") == "some new one"


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
