"""The page: the dashboard at /. It names no other host.

The dashboard is read once, at the start, because its page and scripts must come from one build. A
later build is served after the next start.
"""

from __future__ import annotations

import html
from functools import partial
from mimetypes import guess_type
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import HTMLResponse, Response

DIST = Path(__file__).resolve().parents[1] / "dashboard" / "dist"


def install(app: FastAPI, dist: Path) -> list[str]:
    """Add, last of all routes, the dashboard or a page that says how to build it.

    Return the paths of all that was added.
    """
    paths = ["/"]
    if (dist / "index.html").is_file():
        for file in sorted(path for path in dist.rglob("*") if path.is_file()):
            name = file.relative_to(dist).as_posix()
            # Names of assets hold a hash of their content.
            keep = "max-age=31536000, immutable" if name.startswith("assets/") else "no-cache"
            kind = guess_type(name)[0] or "application/octet-stream"
            # One route a file: a mount at / would turn a wrong method into "not found".
            path = "/" if name == "index.html" else f"/{name}"
            paths.append(path)
            app.add_api_route(
                path,
                partial(_file, file.read_bytes(), kind, keep),
                methods=["GET", "HEAD"],
                include_in_schema=False,
            )
        return paths

    @app.get("/", include_in_schema=False)
    async def unbuilt() -> Response:
        text = (
            "<p>The dashboard has not been built. <code>deploy/run</code> builds it, or run "
            "<code>npm ci</code> and <code>npm run build</code> in <code>gateway/dashboard</code>, "
            'then start the gateway again.</p><p>The API works: see <a href="/docs">/docs</a> and '
            '<a href="/health">/health</a>.</p>'
        )
        return HTMLResponse(_page("RegimeFlow", text))

    return paths


async def _file(content: bytes, kind: str, keep: str) -> Response:
    return Response(content, media_type=kind, headers={"Cache-Control": keep})


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{html.escape(title)}</title><h1>{html.escape(title)}</h1>{body}</html>"
    )
