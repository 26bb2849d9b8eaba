"""Contracts: the venue's rows as the table of symbols, whatever they lack."""

from __future__ import annotations

from workers.ingest.contracts import contract_rows

ROW = {
    "symbol": "BTCUSDT",
    "contractType": "PERPETUAL",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.1", "maxPrice": "9999999", "tickSize": "0.1"},
        {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
        {"filterType": "MIN_NOTIONAL", "notional": "5"},
    ],
}


def test_filters_become_numbers():
    (row,) = contract_rows([ROW])

    assert row == {
        "symbol": "BTCUSDT",
        "base": "BTC",
        "quote": "USDT",
        "asset_type": "perpetual",
        "active": True,
        "tick_size": 0.1,
        "min_price": 0.1,
        "max_price": 9_999_999.0,
        "step_size": 0.001,
        "min_quantity": 0.001,
        "max_quantity": 1000.0,
        "min_notional": 5.0,
    }


def test_what_is_missing_or_no_number_is_null_and_a_row_without_a_symbol_is_none():
    odd = {"symbol": "AUSDT", "filters": [{"filterType": "LOT_SIZE", "stepSize": "nan"}, "x"]}

    rows = contract_rows([ROW, odd, {"status": "TRADING"}, "x"])

    assert [row["symbol"] for row in rows] == ["AUSDT", "BTCUSDT"]
    assert rows[0]["step_size"] is None
    assert rows[0]["tick_size"] is None
    assert rows[0]["active"] is False
