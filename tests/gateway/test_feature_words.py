"""The dashboard has words for every feature of the catalogue, and for no other."""

from __future__ import annotations

import re

from deploy.generate.feature_words import FILE, tables_text
from deploy.local.dashboard import SOURCE
from streams.features.catalog import BASE_FEATURES, RUNG_FEATURES
from workers.explain.attribution import REGIME_INPUTS
from workers.explain.words import BASE_WORDS, REGIME_WORDS, RUNG_WORDS, feature_words

WORDS = (SOURCE / "src" / "live" / "featureWords.ts").read_text()


def test_words_of_the_dashboard_are_in_step_with_those_of_the_explanations():
    assert FILE.read_text() == tables_text(), "run: python -m deploy.generate.feature_words"


def test_every_feature_of_the_base_bars_has_words_in_the_order_of_the_catalogue():
    assert list(BASE_WORDS) == [feature.name for feature in BASE_FEATURES]


def test_every_feature_of_the_ladder_and_every_regime_that_models_see_has_words():
    assert list(RUNG_WORDS) == list(RUNG_FEATURES)
    assert list(REGIME_WORDS) == list(REGIME_INPUTS)


def test_a_feature_of_the_ladder_names_its_bars_and_an_unknown_one_itself():
    assert feature_words("htf3_adx_14") == "strength of the trend, ADX, on bars 60 x as long"
    assert feature_words("some_new_one") == "some new one"


def test_no_two_features_have_the_same_words():
    for words in ({**BASE_WORDS, **REGIME_WORDS}, RUNG_WORDS):
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
