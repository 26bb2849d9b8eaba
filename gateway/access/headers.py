"""Headers for browsers: what a page may do, and which other origins may read the answers."""

from __future__ import annotations

from collections.abc import Sequence

from secure import (
    ContentSecurityPolicy,
    PermissionsPolicy,
    ReferrerPolicy,
    Secure,
    StrictTransportSecurity,
    XContentTypeOptions,
    XFrameOptions,
)
from starlette.datastructures import MutableHeaders

YEAR_S = 31_536_000
UNUSED = ("camera", "geolocation", "microphone", "payment", "usb")
EXPOSED = "X-Correlation-ID, Retry-After, Location, WWW-Authenticate"


def security_headers(page_origins: Sequence[str], *, https: bool) -> dict[str, str]:
    """Return the headers of every response.

    Args:
        page_origins: Other origins that the page may ask: where people sign in.
        https: Whether the caller came by TLS; only then it may be told never to come without.
    """
    policy = (
        ContentSecurityPolicy()
        .default_src("'self'")
        .connect_src("'self'", *page_origins)
        .img_src("'self'", "data:")
        .object_src("'none'")
        .base_uri("'none'")
        .form_action("'self'")
        .frame_ancestors("'none'")
    )
    permissions = PermissionsPolicy()
    for feature in UNUSED:
        permissions.add_directive(feature)
    secure = Secure(
        csp=policy,
        permissions=permissions,
        referrer=ReferrerPolicy().no_referrer(),
        hsts=StrictTransportSecurity().max_age(YEAR_S) if https else None,
        xcto=XContentTypeOptions().nosniff(),
        xfo=XFrameOptions().deny(),
    )
    return dict(secure.headers)


# The answer to a browser that asks whether a page of an allowed origin may ask.
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, DELETE",
    "Access-Control-Allow-Headers": (
        "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-API-Key, X-Correlation-ID"
    ),
    "Access-Control-Max-Age": "600",
}


def allow_origin(headers: MutableHeaders, origin: str) -> None:
    """Let a page of an allowed origin read this answer. No cookie ever counts, so none is asked."""
    headers["Access-Control-Allow-Origin"] = origin
    headers["Access-Control-Expose-Headers"] = EXPOSED
    headers.add_vary_header("Origin")
