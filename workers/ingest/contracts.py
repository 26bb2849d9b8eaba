"""Contracts of a venue as rows of the reference table ``symbol``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schemas.refdata import Row

PERPETUAL = "PERPETUAL"


def contract_rows(rows: Sequence[Any]) -> list[Row]:
    """Return a table row for each exchangeInfo row with a symbol, sorted by symbol.

    ``active`` says whether the contract is traded now. A filter that the venue omits is null.
    """
    named = [row for row in rows if isinstance(row, dict) and isinstance(row.get("symbol"), str)]
    return [_contract(row) for row in sorted(named, key=lambda row: str(row["symbol"]))]


def _contract(row: dict[str, Any]) -> Row:
    filters = {f.get("filterType"): f for f in row.get("filters") or () if isinstance(f, dict)}
    price, lot = filters.get("PRICE_FILTER", {}), filters.get("LOT_SIZE", {})
    return {
        "symbol": row["symbol"],
        "base": _text(row.get("baseAsset")),
        "quote": _text(row.get("quoteAsset")),
        "asset_type": "perpetual" if row.get("contractType") == PERPETUAL else "dated",
        "active": row.get("status") == "TRADING",
        "tick_size": _number(price.get("tickSize")),
        "min_price": _number(price.get("minPrice")),
        "max_price": _number(price.get("maxPrice")),
        "step_size": _number(lot.get("stepSize")),
        "min_quantity": _number(lot.get("minQty")),
        "max_quantity": _number(lot.get("maxQty")),
        "min_notional": _number(filters.get("MIN_NOTIONAL", {}).get("notional")),
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> float | None:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None  # NaN is not less than anything
