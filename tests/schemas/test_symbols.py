"""Symbols: every spelling has one canonical form, in any script; other contracts are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from schemas.record import Symbol
from schemas.symbols import QUOTES, canonical


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("btcusdt", "BTCUSDT"),
        ("BTC-USD", "BTCUSDT"),
        ("BTC/USDT:USDT", "BTCUSDT"),
        ("BTC_USDT-PERP", "BTCUSDT"),
        ("BTCBUSD", "BTCBUSD"),
        ("BTC-FDUSD", "BTCFDUSD"),
        ("ARB-USD", "ARBUSDT"),
        ("币安人生USDT", "币安人生USDT"),
        ("币安人生/USDT:USDT", "币安人生USDT"),
        ("\uff22\uff34\uff23\uff55\uff53\uff44\uff54", "BTCUSDT"),
        ("हिन्दी-usdt", "हिन्दीUSDT"),
        ("ёжUSDT", "ЁЖUSDT"),
    ],
)
def test_every_spelling_becomes_one_symbol(text: str, symbol: str):
    assert canonical(text) == symbol
    assert TypeAdapter(Symbol).validate_python(symbol) == symbol


@pytest.mark.parametrize(
    "text", ["", "USDT", "BTCUSDT_251226", "BTC/USDT:USDT-251226", "BTC*USDT", "B TCUSDT", "🚀USDT"]
)
def test_what_is_no_symbol_is_refused(text: str):
    with pytest.raises(ValueError, match="is not a symbol"):
        canonical(text)


@pytest.mark.parametrize("text", ["BTCUSD_PERP", "btcusd-perp", "BTC/USD:BTC", "ETH/USD:ETH"])
def test_a_contract_margined_in_its_coin_is_refused(text: str):
    with pytest.raises(ValueError, match="margined in its coin"):
        canonical(text)


@pytest.mark.parametrize("text", ["btcusdt", "BTC USDT", "BTC-USDT", "BTC/USDT", "", "A"])
def test_a_record_takes_no_other_form_of_a_symbol(text: str):
    with pytest.raises(ValueError, match="String should match pattern"):
        TypeAdapter(Symbol).validate_python(text)


@given(base=st.text(min_size=1, max_size=8), quote=st.sampled_from([*QUOTES, "USD"]))
def test_a_canonical_symbol_is_its_own_canonical_form(base: str, quote: str):
    try:
        symbol = canonical(f"{base}-{quote}")
    except ValueError:
        return

    assert canonical(symbol) == symbol
    assert canonical(symbol.lower()) == symbol
    assert TypeAdapter(Symbol).validate_python(symbol) == symbol
