"""Symbol and timeframe of a bar file: from its name, or as ``FILE=SYMBOL:TIMEFRAME``.

A name begins with the symbol and then says the timeframe: ``BTCUSDT_perp_1m.parquet``,
``BTC_USDT-1h.csv``, ``BTCUSDT-1h-2025-10.zip``.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from schemas.symbols import COIN_MARGINED, QUOTES, canonical
from schemas.timeframes import DAY_MS, HOUR_MS, MINUTE_MS
from workers.bars.table_files import SUFFIXES, BarFileRejected

UNITS_MS = {"m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
LONGEST_MS = DAY_MS
SUPPORTED = "whole minutes, hours or 1d, such as 1m, 4h or 1d"
TIMEFRAME = re.compile(r"[0-9]{1,4}[smhdwMHDW]")
# The end of a delivery contract: 251226, 26DEC25, or a word for the quarter.
DELIVERY = re.compile(
    r"[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    r"|[0-9]{1,2}(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)[0-9]{2}|[A-Z]*QUARTER"
)


def file_part(text: str) -> Path:
    """Return the path of ``FILE`` or ``FILE=SYMBOL:TIMEFRAME``."""
    return Path(_split(text)[0])


def _split(text: str) -> tuple[str, str]:
    """Return file and subject; a path may have an equals sign of its own."""
    path, mark, subject = text.rpartition("=")
    plain = not mark or "/" in subject.rpartition(":")[2] or Path(text).is_file()
    return (text, "") if plain else (path, subject)


def parse_subject(text: str) -> tuple[Path, str, int]:
    """Return (path, symbol, timeframe in ms) of ``FILE`` or ``FILE=SYMBOL:TIMEFRAME``.

    Raises:
        BarFileRejected: Neither the name nor the text says which symbol and timeframe, or the
            contract is no perpetual margined in its quote currency.
    """
    path, subject = _split(text)
    if not path:
        raise BarFileRejected(f"{text!r} names no file, expected FILE or FILE=SYMBOL:TIMEFRAME")
    try:
        if subject:
            symbol, _, timeframe = subject.rpartition(":")
            return Path(path), canonical(symbol), parse_timeframe(timeframe)
        return Path(path), *_subject_of_name(Path(path).name)
    except ValueError as error:
        raise BarFileRejected(f"{path}: {error}") from None


def parse_timeframe(text: str) -> int:
    """Return a bar length in ms; raises ValueError naming what is supported."""
    unit = text[-1:] if text[-1:] == "m" else text[-1:].lower()
    if not TIMEFRAME.fullmatch(text):
        raise ValueError(f"timeframe {text!r}, expected {SUPPORTED}")
    length_ms = 0 if text.endswith("M") else int(text[:-1]) * UNITS_MS.get(unit, 0)
    if not 0 < length_ms <= LONGEST_MS:
        raise ValueError(f"timeframe {text!r} is not supported, expected {SUPPORTED}")
    return length_ms


def _subject_of_name(name: str) -> tuple[str, int]:
    stem = next((name[: -len(s)] for s in sorted(SUFFIXES) if name.lower().endswith(s)), name)
    tokens = re.split(r"[-_. ]+", unicodedata.normalize("NFKC", stem))
    symbol, rest = _symbol(tokens)
    place, timeframe_ms = _timeframe(rest)
    if not symbol or not timeframe_ms:
        raise ValueError(
            "the name tells no symbol and timeframe; name it like BTCUSDT_perp_1m.parquet, or "
            f"give {name}=BTCUSDT:1m"
        )
    words = [token.upper() for token in rest[:place]]
    if "PERP" in words and symbol.endswith("-USD"):
        raise ValueError(COIN_MARGINED.format(f"{symbol}-PERP"))
    if delivery := next((word for word in words if DELIVERY.fullmatch(word)), None):
        raise ValueError(
            f"{symbol}-{delivery} is a delivery contract, expected a perpetual; if the bars are "
            f"those of one, give {name}=BTCUSDT:1h"
        )
    return canonical(symbol), timeframe_ms


def _symbol(tokens: list[str]) -> tuple[str, list[str]]:
    """Return BASE-QUOTE and the tokens after it; an empty text where the name begins otherwise."""
    first = tokens[0]
    for quote in (*QUOTES, "USD"):
        if first.upper().endswith(quote) and len(first) > len(quote):
            return f"{first[: -len(quote)]}-{quote}", tokens[1:]
    second = tokens[1].upper() if len(tokens) > 1 else ""
    return (f"{first}-{second}", tokens[2:]) if second in (*QUOTES, "USD") else ("", tokens)


def _timeframe(tokens: list[str]) -> tuple[int, int]:
    """Return place and length in ms of the last token that is a supported timeframe; 0 for none.

    Raises: ValueError for a name whose only timeframes are not supported.
    """
    refusal: ValueError | None = None
    for place in reversed(range(len(tokens))):
        if not TIMEFRAME.fullmatch(tokens[place]):
            continue
        try:
            return place, parse_timeframe(tokens[place])
        except ValueError as error:
            refusal = refusal or error
    if refusal is not None:
        raise refusal
    return 0, 0
