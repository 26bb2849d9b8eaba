"""The one symbol normaliser: every spelling at the edges becomes ``BTCUSDT`` on the bus."""

from __future__ import annotations

import re

DEFAULT_UNIVERSE = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT")
QUOTES = ("USDT", "USDC", "BUSD", "FDUSD")
SPELLING = re.compile(
    r"^([A-Z0-9]{1,20})[-/_]?(USDT|USDC|BUSD|FDUSD|USD)(?::[A-Z]{3,5})?(?:[-_]PERP)?$"
)


def canonical(text: str) -> str:
    """Return the canonical symbol of any accepted spelling.

    ``BTC-USD``, ``BTC-USDT``, ``BTC/USDT``, ``BTC/USDT:USDT``, ``btcusdt`` -> ``BTCUSDT``
    (``USD`` means the USDT-margined contract).

    Raises:
        ValueError: The text is no symbol in any accepted spelling.
    """
    match = SPELLING.match(text.strip().upper())
    if match is None:
        raise ValueError(
            f"{text!r} is not a symbol; expected e.g. BTCUSDT, BTC-USD, BTC/USDT or BTC/USDT:USDT"
        )
    base, quote = match.groups()
    return base + ("USDT" if quote == "USD" else quote)


def parse_universe(value: object) -> tuple[str, ...]:
    """Return the canonical symbols of a text with commas, or of a sequence of texts.

    Raises:
        TypeError: The value is neither.
        ValueError: One of the texts is no symbol.
    """
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list | tuple):
        raise TypeError(f"universe must be symbols separated by commas, got {value!r}")
    return tuple(canonical(str(name)) for name in names if str(name).strip())


def unified(symbol: str) -> str:
    """Return the ccxt spelling of a canonical symbol: ``BTCUSDT`` -> ``BTC/USDT:USDT``."""
    for quote in QUOTES:
        if symbol.endswith(quote) and len(symbol) > len(quote):
            return f"{symbol.removesuffix(quote)}/{quote}:{quote}"
    raise ValueError(f"{symbol!r} ends in no known quote currency; expected one of {QUOTES}")
