"""GET /docs and /redoc: the API's document, to try and to read. Scripts and styles are our own."""

from __future__ import annotations

from functools import partial
from importlib.resources import files

from fastapi import FastAPI
from starlette.responses import Response

ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "redoc.standalone.js": "text/javascript",
    "favicon.png": "image/png",
}
# ReDoc asks this host for a logo of its makers; no page of ours names another host.
LOGO, NO_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg", b"/docs/favicon.png"
KEEP = {"Cache-Control": "max-age=86400"}

# Scripts of their own, because no page of ours may run what stands inside it.
SWAGGER_START = """SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
})
"""
REDOC_START = """Redoc.init('/openapi.json', {disableSearch: true}, document.getElementById('docs'))
"""
# ReDoc adds its rules to an empty style element, and those of its scroll bars in a full one.
STYLES = (
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' "
    "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='"
)
REDOC_POLICY = (
    f"default-src 'self'; style-src 'self' {STYLES}; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def install(app: FastAPI) -> list[str]:
    """Add both pages, and the files that they load; return their paths."""
    pages: dict[str, tuple[bytes, str, dict[str, str]]] = {
        "/docs": (_page("swagger-ui-bundle.js", "swagger", "swagger-ui.css"), "text/html", {}),
        "/redoc": (
            _page("redoc.standalone.js", "redoc"),
            "text/html",
            {"Content-Security-Policy": REDOC_POLICY},
        ),
        "/docs/swagger.js": (SWAGGER_START.encode(), "text/javascript", KEEP),
        "/docs/redoc.js": (REDOC_START.encode(), "text/javascript", KEEP),
    }
    folder = files("fastapi_offline") / "static"
    for name, kind in ASSETS.items():
        content = (folder / name).read_bytes().replace(LOGO, NO_LOGO)
        pages[f"/docs/{name}"] = content, kind, KEEP
    for path, (content, kind, headers) in pages.items():
        route = partial(_file, content, kind, headers)
        app.add_api_route(path, route, methods=["GET", "HEAD"], include_in_schema=False)
    return list(pages)


async def _file(content: bytes, kind: str, headers: dict[str, str]) -> Response:
    return Response(content, media_type=kind, headers=headers)


def _page(script: str, start: str, style: str | None = None) -> bytes:
    sheet = f'<link rel="stylesheet" href="/docs/{style}">' if style else ""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>RegimeFlow API</title>'
        f'<link rel="icon" href="/docs/favicon.png">{sheet}<div id="docs"></div>'
        f'<script src="/docs/{script}"></script><script src="/docs/{start}.js"></script></html>'
    ).encode()
