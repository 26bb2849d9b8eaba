"""Account routes, read-only: the rights of a key and what it shows. Nothing can be traded here."""

from __future__ import annotations

from aiohttp import web

from workers.simulator import funding
from workers.simulator.account_book import LEVERAGE, MAINTENANCE
from workers.simulator.instruments import QUOTE
from workers.simulator.market import EPOCH_MS
from workers.simulator.protocol.query import VENUE, VenueError, integer, page_limit, reply


async def key_restrictions(request: web.Request) -> web.Response:
    """GET /sapi/v1/account/apiRestrictions."""
    venue, _ = request.app[VENUE], _key(request)
    rights = venue.key_rights
    return reply(
        {
            "ipRestrict": False,
            "createTime": EPOCH_MS,
            "enableReading": rights.reading,
            "enableFutures": rights.futures,
            "enableSpotAndMarginTrading": rights.spot_and_margin_trading,
            "enableWithdrawals": rights.withdrawals,
            "enableInternalTransfer": False,
            "enableMargin": False,
            "enableVanillaOptions": False,
            "permitsUniversalTransfer": False,
            "enablePortfolioMarginTrading": False,
        }
    )


async def account_config(request: web.Request) -> web.Response:
    """GET /fapi/v1/accountConfig."""
    venue, _ = request.app[VENUE], _key(request)
    return reply(
        {
            "feeTier": 0,
            "canTrade": venue.key_rights.can_trade,
            "canDeposit": False,
            "canWithdraw": venue.key_rights.withdrawals,
            "dualSidePosition": False,
            "updateTime": EPOCH_MS,
            "multiAssetsMargin": False,
            "tradeGroupId": -1,
        }
    )


async def account(request: web.Request) -> web.Response:
    """GET /fapi/v3/account."""
    _key(request)
    book, marks = request.app[VENUE].account, _marks(request)
    unrealized = sum(each.unrealized(marks[each.symbol]) for each in book.holdings)
    notional = sum(abs(each.notional(marks[each.symbol])) for each in book.holdings)
    equity, margin = book.wallet_balance + unrealized, notional / LEVERAGE
    totals = {
        "totalWalletBalance": _text(book.wallet_balance),
        "totalMarginBalance": _text(equity),
        "totalCrossWalletBalance": _text(book.wallet_balance),
        "availableBalance": _text(max(0.0, equity - margin)),
        "totalUnrealizedProfit": _text(unrealized),
        "totalInitialMargin": _text(margin),
        "totalMaintMargin": _text(MAINTENANCE * notional),
    }
    asset = {
        "asset": QUOTE,
        "walletBalance": totals["totalWalletBalance"],
        "unrealizedProfit": totals["totalUnrealizedProfit"],
        "marginBalance": totals["totalMarginBalance"],
        "maintMargin": totals["totalMaintMargin"],
        "initialMargin": totals["totalInitialMargin"],
        "positionInitialMargin": totals["totalInitialMargin"],
        "openOrderInitialMargin": _text(0.0),
        "crossUnPnl": totals["totalUnrealizedProfit"],
        "crossWalletBalance": totals["totalWalletBalance"],
        "availableBalance": totals["availableBalance"],
        "maxWithdrawAmount": totals["availableBalance"],
        "updateTime": EPOCH_MS,
    }
    return reply({**totals, "assets": [asset], "positions": [], "updateTime": EPOCH_MS})


async def balance(request: web.Request) -> web.Response:
    """GET /fapi/v3/balance and v2."""
    _key(request)
    wallet = _text(request.app[VENUE].account.wallet_balance)
    row = {
        "asset": QUOTE,
        "balance": wallet,
        "crossWalletBalance": wallet,
        "availableBalance": wallet,
        "updateTime": EPOCH_MS,
    }
    return reply([row])


async def positions(request: web.Request) -> web.Response:
    """GET /fapi/v3/positionRisk and v2: those that are open, one for each symbol."""
    _key(request)
    marks = _marks(request)
    return reply(
        [
            {
                "symbol": each.symbol,
                "positionSide": "BOTH",
                "positionAmt": _text(each.quantity),
                "entryPrice": _text(each.entry_price),
                "breakEvenPrice": _text(each.entry_price),
                "markPrice": _text(marks[each.symbol]),
                "unRealizedProfit": _text(each.unrealized(marks[each.symbol])),
                "liquidationPrice": "0",
                "isolatedMargin": "0",
                "notional": _text(each.notional(marks[each.symbol])),
                "marginAsset": QUOTE,
                "isolatedWallet": "0",
                "initialMargin": _text(abs(each.notional(marks[each.symbol])) / LEVERAGE),
                "maintMargin": _text(abs(each.notional(marks[each.symbol])) * MAINTENANCE),
                "adl": 0,
                "updateTime": EPOCH_MS,
            }
            for each in request.app[VENUE].account.holdings
        ]
    )


async def income(request: web.Request) -> web.Response:
    """GET /fapi/v1/income: bookings from ``startTime`` on, oldest first."""
    _key(request)
    start_ms, limit = integer(request, "startTime"), page_limit(request, 100, 1000)
    rows = [
        {
            "symbol": each.symbol,
            "incomeType": each.kind,
            "income": _text(each.amount),
            "asset": each.asset,
            "info": "",
            "time": each.time_ms,
            "tranId": number,
            "tradeId": "",
        }
        for number, each in enumerate(request.app[VENUE].account.bookings)
        if each.time_ms >= (start_ms or 0)
    ]
    return reply(sorted(rows, key=lambda row: int(str(row["time"])))[:limit])


def _marks(request: web.Request) -> dict[str, float]:
    """Return the mark price of each symbol that is held."""
    venue = request.app[VENUE]
    now_ms = venue.clock.now_ms()
    return {
        each.symbol: funding.quote(venue.market, each.symbol, now_ms).mark
        for each in venue.account.holdings
    }


def _text(amount: float) -> str:
    return f"{amount:.8f}"


async def leverage_brackets(request: web.Request) -> web.Response:
    """GET /fapi/v1/leverageBracket."""
    _key(request)
    bracket = {
        "bracket": 1,
        "initialLeverage": LEVERAGE,
        "notionalCap": 1_000_000,
        "notionalFloor": 0,
        "maintMarginRatio": MAINTENANCE,
        "cum": 0.0,
    }
    symbols = request.app[VENUE].market.symbols
    return reply([{"symbol": symbol, "brackets": [bracket]} for symbol in symbols])


def _key(request: web.Request) -> str:
    key = request.headers.get("X-MBX-APIKEY", "")
    if not key:
        raise VenueError(-2014, "API-key format invalid.", 401)
    if request.app[VENUE].account.key_revoked:
        raise VenueError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
    if "signature" not in request.query:
        raise VenueError(-1102, "Mandatory parameter 'signature' was not sent.")
    return key


ROUTES = [
    web.get("/fapi/v1/accountConfig", account_config),
    web.get("/fapi/v1/income", income),
    web.get("/fapi/v1/leverageBracket", leverage_brackets),
    web.get("/fapi/v2/balance", balance),
    web.get("/fapi/v2/positionRisk", positions),
    web.get("/fapi/v3/account", account),
    web.get("/fapi/v3/balance", balance),
    web.get("/fapi/v3/positionRisk", positions),
    web.get("/sapi/v1/account/apiRestrictions", key_restrictions),
]
