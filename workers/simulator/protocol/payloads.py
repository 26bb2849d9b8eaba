"""Payloads of Binance USD-M, made from the market: REST bodies and WebSocket events.

Pure functions; none shows a trade after ``now_ms``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schemas.timeframes import TIMEFRAMES_MS
from workers.simulator import funding, kernel
from workers.simulator.candles import Candles
from workers.simulator.instruments import QUOTE, Instrument
from workers.simulator.market import BAR_MS, EPOCH_MS, SimulatedMarket

Json = dict[str, Any]

# The venue has 3d, 1w and 1M too, whose bars do not all open at midnight of our epoch.
INTERVAL_BARS = {name: length_ms // BAR_MS for name, length_ms in TIMEFRAMES_MS.items()} | {
    "2h": 120,
    "6h": 360,
    "8h": 480,
    "12h": 720,
}
MARK_DECIMALS = 8


def bar_at(time_ms: int) -> int:
    """Return the index of the one-minute bar that holds a time."""
    return (time_ms - EPOCH_MS) // BAR_MS


def open_ms(bar: int) -> int:
    """Return the open time of a one-minute bar, UTC epoch milliseconds."""
    return EPOCH_MS + bar * BAR_MS


def decimal(units: float, places: int) -> str:
    """Return a whole number of 10^-places as the venue writes it: (12345, 2) -> "123.45"."""
    return f"{units / 10**places:.{places}f}"


def window(
    interval_bars: int, start_ms: int | None, end_ms: int | None, limit: int, traded_ms: int
) -> tuple[int, int]:
    """Return first and last (exclusive) one-minute bar of a page of klines, as the venue pages.

    With ``start_ms`` the page begins there; without it, it ends at ``end_ms``. The bar that holds
    ``traded_ms`` is the newest.
    """
    newest = bar_at(traded_ms if end_ms is None else min(traded_ms, end_ms)) // interval_bars
    if start_ms is None:
        first = newest - limit + 1
    else:
        first = max(0, -((EPOCH_MS - start_ms) // (BAR_MS * interval_bars)))
    first = max(0, first)
    last = min(newest + 1, first + limit)
    return first * interval_bars, max(first, last) * interval_bars


def kline_rows(contract: Instrument, first: int, bars: int, candles: Candles) -> list[list[Any]]:
    """Return REST klines of 12 columns; the first opens at minute ``first``, each has ``bars``."""
    price, quantity = contract.price_decimals, contract.quantity_decimals
    step_ms = bars * BAR_MS
    rows = []
    for i, c in enumerate(candles.ints.T.tolist()):
        opened = open_ms(first) + i * step_ms
        rows.append(
            [
                opened,
                decimal(c[kernel.OPEN], price),
                decimal(c[kernel.HIGH], price),
                decimal(c[kernel.LOW], price),
                decimal(c[kernel.CLOSE], price),
                decimal(c[kernel.VOLUME], quantity),
                opened + step_ms - 1,
                decimal(c[kernel.TURNOVER], price + quantity),
                c[kernel.RAW_TRADES],
                decimal(c[kernel.TAKER_VOLUME], quantity),
                decimal(c[kernel.TAKER_TURNOVER], price + quantity),
                "0",
            ]
        )
    return rows


def mark_rows(first: int, bars: int, candles: Candles) -> list[list[Any]]:
    """Return REST mark-price klines, prices only, as on the venue."""
    step_ms = bars * BAR_MS
    rows = []
    shown = zip(candles.marks.T.tolist(), candles.minutes.tolist(), strict=True)
    for i, (prices, minutes) in enumerate(shown):
        opened = open_ms(first) + i * step_ms
        ohlc = [f"{price:.{MARK_DECIMALS}f}" for price in prices]
        rows.append([opened, *ohlc, "0", opened + step_ms - 1, "0", minutes * 60, "0", "0", "0"])
    return rows


def kline_event(
    contract: Instrument, interval: str, bar: int, column: list[int], event_ms: int
) -> Json:
    """Return the WebSocket kline of one grouped column that opened at ``bar``."""
    price, quantity = contract.price_decimals, contract.quantity_decimals
    symbol, opened, step_ms = contract.symbol, open_ms(bar), INTERVAL_BARS[interval] * BAR_MS
    kline = {
        "t": opened,
        "T": opened + step_ms - 1,
        "s": symbol,
        "i": interval,
        "f": column[kernel.FIRST_RAW_ID],
        "L": column[kernel.FIRST_RAW_ID] + column[kernel.RAW_TRADES] - 1,
        "o": decimal(column[kernel.OPEN], price),
        "c": decimal(column[kernel.CLOSE], price),
        "h": decimal(column[kernel.HIGH], price),
        "l": decimal(column[kernel.LOW], price),
        "v": decimal(column[kernel.VOLUME], quantity),
        "n": column[kernel.RAW_TRADES],
        "x": event_ms >= opened + step_ms,
        "q": decimal(column[kernel.TURNOVER], price + quantity),
        "V": decimal(column[kernel.TAKER_VOLUME], quantity),
        "Q": decimal(column[kernel.TAKER_TURNOVER], price + quantity),
        "B": "0",
    }
    return {"e": "kline", "E": event_ms, "s": symbol, "k": kline}


def trade_row(contract: Instrument, bar: int, trade: Sequence[int]) -> Json:
    """Return one aggregate trade in REST's form."""
    return {
        "a": trade[kernel.T_ID],
        "p": decimal(trade[kernel.T_PRICE], contract.price_decimals),
        "q": decimal(trade[kernel.T_QUANTITY], contract.quantity_decimals),
        "f": trade[kernel.T_FIRST_RAW],
        "l": trade[kernel.T_LAST_RAW],
        "T": open_ms(bar) + trade[kernel.T_TIME],
        "m": bool(trade[kernel.T_SELL]),
    }


def trade_event(contract: Instrument, bar: int, trade: Sequence[int]) -> Json:
    """Return one aggregate trade in the WebSocket's form."""
    row = trade_row(contract, bar, trade)
    return {"e": "aggTrade", "E": row["T"], "s": contract.symbol, **row, "st": 1}


def agg_trades(
    market: SimulatedMarket,
    symbol: str,
    query: tuple[int | None, int | None, int | None],
    limit: int,
    now_ms: int,
) -> list[Json]:
    """Return REST aggregate trades of (from_id, start_ms, end_ms), oldest first.

    At most ``limit``; the newest when none of the three is set.
    """
    from_id, start_ms, end_ms = query
    contract, current = market.contract(symbol), bar_at(now_ms)
    end = now_ms if end_ms is None else min(now_ms, end_ms)
    if from_id is None and start_ms is None:
        return _newest_trades(market, symbol, end, limit)
    bar = (
        bar_at(start_ms or 0) if from_id is None else market.bar_of_trade(symbol, from_id, current)
    )
    rows: list[Json] = []
    for index in range(max(0, bar), bar_at(end) + 1):
        for trade in market.trades(symbol, index).tolist():
            time_ms = open_ms(index) + trade[kernel.T_TIME]
            early = (
                trade[kernel.T_ID] < from_id if from_id is not None else time_ms < (start_ms or 0)
            )
            if time_ms > end or len(rows) == limit:
                return rows
            if not early:
                rows.append(trade_row(contract, index, trade))
    return rows


def _newest_trades(market: SimulatedMarket, symbol: str, end_ms: int, limit: int) -> list[Json]:
    contract, rows = market.contract(symbol), list[Json]()
    for index in range(bar_at(end_ms), -1, -1):
        trades = [
            trade_row(contract, index, t)
            for t in market.trades(symbol, index).tolist()
            if open_ms(index) + t[kernel.T_TIME] <= end_ms
        ]
        rows = trades + rows
        if len(rows) >= limit:
            return rows[-limit:]
    return rows


def premium_index(market: SimulatedMarket, symbol: str, now_ms: int) -> Json:
    """Return the REST premium index of one contract now."""
    quote = funding.quote(market, symbol, now_ms)
    return {
        "symbol": symbol,
        "markPrice": f"{quote.mark:.{MARK_DECIMALS}f}",
        "indexPrice": f"{quote.index:.{MARK_DECIMALS}f}",
        "estimatedSettlePrice": f"{quote.index:.{MARK_DECIMALS}f}",
        "lastFundingRate": f"{quote.funding_rate:.8f}",
        "interestRate": f"{funding.INTEREST_RATE:.8f}",
        "nextFundingTime": quote.next_funding_ms,
        "time": now_ms,
    }


def mark_event(market: SimulatedMarket, symbol: str, event_ms: int) -> Json:
    """Return the WebSocket mark price of one contract at ``event_ms``."""
    quote = funding.quote(market, symbol, event_ms)
    return {
        "e": "markPriceUpdate",
        "E": event_ms,
        "s": symbol,
        "p": f"{quote.mark:.{MARK_DECIMALS}f}",
        "ap": f"{quote.mark:.{MARK_DECIMALS}f}",
        "P": f"{quote.index:.{MARK_DECIMALS}f}",
        "i": f"{quote.index:.{MARK_DECIMALS}f}",
        "r": f"{quote.funding_rate:.8f}",
        "T": quote.next_funding_ms,
        "st": 1,
    }


def exchange_info(market: SimulatedMarket, weight_limit: int, now_ms: int) -> Json:
    """Return REST's exchangeInfo: every contract with its filters, and the request limit."""
    contracts = [market.contract(symbol) for symbol in market.symbols]
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": weight_limit,
            }
        ],
        "exchangeFilters": [],
        "assets": [{"asset": QUOTE, "marginAvailable": True, "autoAssetExchange": "-10000"}],
        "symbols": [_listing(contract) for contract in contracts],
    }


def _listing(contract: Instrument) -> Json:
    tick, step = f"{contract.tick_size:f}", f"{contract.step_size:f}"
    lot = {"minQty": step, "maxQty": "1000000", "stepSize": step}
    return {
        "symbol": contract.symbol,
        "pair": contract.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4_133_404_800_000,
        "onboardDate": EPOCH_MS,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": contract.base_asset,
        "quoteAsset": QUOTE,
        "marginAsset": QUOTE,
        "pricePrecision": contract.price_decimals,
        "quantityPrecision": contract.quantity_decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": tick,
                "maxPrice": "9999999",
                "tickSize": tick,
            },
            {"filterType": "LOT_SIZE", **lot},
            {"filterType": "MARKET_LOT_SIZE", **lot},
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
        ],
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC"],
    }
