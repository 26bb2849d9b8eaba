"""The one symbol normaliser: every spelling at the edges becomes ``BTCUSDT`` on the bus."""

from __future__ import annotations

import re
import unicodedata

DEFAULT_UNIVERSE = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT")
QUOTES = ("FDUSD", "USDT", "USDC", "BUSD")
COIN_MARGINED = "{} is margined in its coin, expected a contract margined in USDT, e.g. BTCUSDT"
# The shortest base, so that BTCBUSD is BTC in BUSD and not BTCB in USD.
SPELLING = re.compile(
    r"(?P<base>[^-/_:]{1,20}?)[-/_]?(?P<quote>FDUSD|USDT|USDC|BUSD|USD)"
    r"(?::(?P<settled_in>[A-Z0-9]{2,10}))?(?P<perp>[-_]PERP)?"
)
BASE_KINDS = ("Lu", "Lo", "Lm", "Mn", "Mc", "Nd")  # letters without a small one, marks, digits


def canonical(text: str) -> str:
    """Return the canonical symbol of any accepted spelling.

    ``BTC-USD``, ``BTC-USDT``, ``BTC/USDT``, ``BTC/USDT:USDT``, ``btcusdt`` -> ``BTCUSDT``
    (``USD`` means the USDT-margined contract). Letters are those of any script, in the one form
    that NFKC gives them.

    Raises:
        ValueError: The text is no symbol in any accepted spelling, or of a contract that is
            margined in its coin.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text.strip()).upper())
    match = SPELLING.fullmatch(folded)
    if match is None or not _is_base(match["base"]):
        raise ValueError(
            f"{text!r} is not a symbol; expected e.g. BTCUSDT, BTC-USD, BTC/USDT or BTC/USDT:USDT"
        )
    base, quote = match["base"], match["quote"]
    settled_in = match["settled_in"] or quote
    if (quote == "USD" and match["perp"]) or settled_in not in (quote, *QUOTES):
        raise ValueError(COIN_MARGINED.format(repr(text)))
    return base + ("USDT" if quote == "USD" else quote)


def _is_base(base: str) -> bool:
    kinds = [unicodedata.category(letter) for letter in base]
    return kinds[0][0] != "M" and all(kind in BASE_KINDS for kind in kinds)


def parse_universe(value: object) -> tuple[str, ...]:
    """Return the canonical symbols of a text with commas, or of a sequence of texts.

    Raises:
        TypeError: The value is neither.
        ValueError: One of the texts is no symbol, or there is none, or one comes twice.
    """
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list | tuple):
        raise TypeError(f"universe must be symbols separated by commas, got {value!r}")
    symbols = tuple(canonical(str(name)) for name in names if str(name).strip())
    if not symbols or len(set(symbols)) != len(symbols):
        raise ValueError(f"universe {symbols!r} must name at least one symbol, each once")
    return symbols


def unified(symbol: str) -> str:
    """Return the ccxt spelling of a canonical symbol: ``BTCUSDT`` -> ``BTC/USDT:USDT``."""
    for quote in QUOTES:
        if symbol.endswith(quote) and len(symbol) > len(quote):
            return f"{symbol.removesuffix(quote)}/{quote}:{quote}"
    raise ValueError(f"{symbol!r} ends in no known quote currency; expected one of {QUOTES}")
