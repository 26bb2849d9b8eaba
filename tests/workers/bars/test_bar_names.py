"""Names of bar files: the symbol first, then the last timeframe; other contracts are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.timeframes import DAY_MS, HOUR_MS, MINUTE_MS
from workers.bars.bar_names import file_part, parse_subject
from workers.bars.table_files import BarFileRejected


@pytest.mark.parametrize("text", ["", "=BTCUSDT:1h"])
def test_an_empty_name_is_refused_and_never_the_working_folder(text):
    with pytest.raises(BarFileRejected, match="names no file, expected FILE or FILE=SYMBOL"):
        parse_subject(text)


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("BTCUSDT_perp_1m.parquet", ("BTCUSDT", MINUTE_MS)),
        ("BTCUSDT_spot_1h_with_outages.parquet", ("BTCUSDT", HOUR_MS)),
        ("BTC_USDT-1h.csv", ("BTCUSDT", HOUR_MS)),
        ("BTC_USDT_USDT-5m-futures.parquet", ("BTCUSDT", 5 * MINUTE_MS)),
        ("1000SHIBUSDT-15m.csv.gz", ("1000SHIBUSDT", 15 * MINUTE_MS)),
        ("BTCUSDT-1h-2025-10.zip", ("BTCUSDT", HOUR_MS)),
        ("BTCUSDT_last_30d_1h.csv", ("BTCUSDT", HOUR_MS)),
        ("BTCUSDT_1h_last_30d.csv", ("BTCUSDT", HOUR_MS)),
        ("BTCUSDT_1h_251226.csv", ("BTCUSDT", HOUR_MS)),
        ("BTCUSDT_202501_1D.csv", ("BTCUSDT", DAY_MS)),
        ("btcusdt_perp_1H.csv", ("BTCUSDT", HOUR_MS)),
        ("币安人生USDT_perp_1h.csv", ("币安人生USDT", HOUR_MS)),
        ("\uff22\uff34\uff23\uff35\uff33\uff24\uff34_1h.csv", ("BTCUSDT", HOUR_MS)),
        ("anything.csv=ETH-USD:4h", ("ETHUSDT", 4 * HOUR_MS)),
        ("bars=of=mine/x.csv=币安人生USDT:1h", ("币安人生USDT", HOUR_MS)),
        ("year=2025/BTCUSDT_1h.csv", ("BTCUSDT", HOUR_MS)),
    ],
)
def test_symbol_and_timeframe_come_from_the_name_or_are_told(text: str, subject: tuple[str, int]):
    assert parse_subject(text)[1:] == subject


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bars.csv", "tells no symbol and timeframe"),
        ("BTCUSDT.parquet", "tells no symbol and timeframe"),
        ("BTCUSDT_251226-1h-2025-10.csv", "BTC-USDT-251226 is a delivery contract"),
        ("BTCUSDT_251226_1h.csv", "is a delivery contract"),
        ("BTC-USDT-26DEC25-1h.csv", "is a delivery contract"),
        ("BTCUSDT_CURRENT_QUARTER_1h.csv", "is a delivery contract"),
        ("BTCUSD_PERP-1h-2025-10.csv", "margined in its coin"),
        ("BTCUSDT-1M-2025.csv", "timeframe '1M' is not supported"),
        ("BTCUSDT-1w-2025.csv", "timeframe '1w' is not supported"),
        ("BTCUSDT-1s-2025.csv", "timeframe '1s' is not supported"),
        ("BTCUSDT_30d.csv", "timeframe '30d' is not supported"),
        ("a.csv=BTCUSDT:7x", "timeframe '7x'"),
        ("a.csv=BTCUSDT:0h", "timeframe '0h'"),
        ("a.csv=BTCUSDT:99999999999999999999d", "timeframe"),
        ("a.csv=?:1m", "is not a symbol"),
        ("a.csv=BTCUSDT_251226:1h", "is not a symbol"),
    ],
)
def test_another_contract_or_timeframe_is_refused_with_its_name(text: str, said: str):
    with pytest.raises(BarFileRejected, match=said) as refused:
        parse_subject(text)

    assert Path(text.partition("=")[0]).name in str(refused.value)


def test_a_file_whose_name_has_an_equals_sign_is_that_file(tmp_path: Path):
    path = tmp_path / "BTCUSDT_1h=2.csv"
    path.touch()

    assert file_part(str(path)) == path
