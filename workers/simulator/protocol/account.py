"""Account routes, read-only: they tell the rights of a key. Nothing can be traded here."""

from __future__ import annotations

from aiohttp import web

from workers.simulator.market import EPOCH_MS
from workers.simulator.protocol.query import VENUE, VenueError, reply


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
    """GET /fapi/v3/account: an empty account of 10,000 USDT."""
    _key(request)
    amounts = dict.fromkeys(("walletBalance", "marginBalance", "availableBalance"), "10000.0")
    margins = dict.fromkeys(
        (
            "unrealizedProfit",
            "maintMargin",
            "initialMargin",
            "positionInitialMargin",
            "openOrderInitialMargin",
            "crossUnPnl",
        ),
        "0.0",
    )
    asset = {
        "asset": "USDT",
        **amounts,
        **margins,
        "crossWalletBalance": "10000.0",
        "maxWithdrawAmount": "10000.0",
        "updateTime": EPOCH_MS,
    }
    totals = {
        "totalWalletBalance": "10000.0",
        "totalMarginBalance": "10000.0",
        "totalCrossWalletBalance": "10000.0",
        "availableBalance": "10000.0",
        "totalUnrealizedProfit": "0.0",
        "totalInitialMargin": "0.0",
        "totalMaintMargin": "0.0",
    }
    return reply({**totals, "assets": [asset], "positions": [], "updateTime": EPOCH_MS})


async def balance(request: web.Request) -> web.Response:
    """GET /fapi/v3/balance and v2."""
    _key(request)
    row = {
        "asset": "USDT",
        "balance": "10000.0",
        "crossWalletBalance": "10000.0",
        "availableBalance": "10000.0",
        "updateTime": EPOCH_MS,
    }
    return reply([row])


async def positions(request: web.Request) -> web.Response:
    """GET /fapi/v3/positionRisk: none are open."""
    _key(request)
    return reply([])


async def leverage_brackets(request: web.Request) -> web.Response:
    """GET /fapi/v1/leverageBracket."""
    _key(request)
    bracket = {
        "bracket": 1,
        "initialLeverage": 20,
        "notionalCap": 1_000_000,
        "notionalFloor": 0,
        "maintMarginRatio": 0.025,
        "cum": 0.0,
    }
    symbols = request.app[VENUE].market.symbols
    return reply([{"symbol": symbol, "brackets": [bracket]} for symbol in symbols])


def _key(request: web.Request) -> str:
    key = request.headers.get("X-MBX-APIKEY", "")
    if not key:
        raise VenueError(-2014, "API-key format invalid.", 401)
    if "signature" not in request.query:
        raise VenueError(-1102, "Mandatory parameter 'signature' was not sent.")
    return key


ROUTES = [
    web.get("/fapi/v1/accountConfig", account_config),
    web.get("/fapi/v1/leverageBracket", leverage_brackets),
    web.get("/fapi/v2/balance", balance),
    web.get("/fapi/v2/positionRisk", positions),
    web.get("/fapi/v3/account", account),
    web.get("/fapi/v3/balance", balance),
    web.get("/fapi/v3/positionRisk", positions),
    web.get("/sapi/v1/account/apiRestrictions", key_restrictions),
]
