"""The pages: the dashboard at /, and the API's documentation at /docs. They name no other host.

The dashboard is read once, at the start, because its page and scripts must come from one build. A
later build is served after the next start.
"""

from __future__ import annotations

import html
from functools import partial
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.responses import HTMLResponse, Response

DIST = Path(__file__).resolve().parents[1] / "dashboard" / "dist"
METHODS = ("get", "post", "put", "delete")


def install(app: FastAPI, dist: Path) -> None:
    """Add ``/docs`` and, last of all routes, the dashboard or a page that says how to build it."""

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(documentation(app.openapi()))

    if (dist / "index.html").is_file():
        for file in sorted(path for path in dist.rglob("*") if path.is_file()):
            name = file.relative_to(dist).as_posix()
            # Names of assets hold a hash of their content.
            keep = "max-age=31536000, immutable" if name.startswith("assets/") else "no-cache"
            kind = guess_type(name)[0] or "application/octet-stream"
            # One route a file: a mount at / would turn a wrong method into "not found".
            app.add_api_route(
                "/" if name == "index.html" else f"/{name}",
                partial(_file, file.read_bytes(), kind, keep),
                methods=["GET", "HEAD"],
                include_in_schema=False,
            )
        return

    @app.get("/", include_in_schema=False)
    async def unbuilt() -> Response:
        text = (
            "<p>The dashboard has not been built. <code>deploy/run</code> builds it, or run "
            "<code>npm ci</code> and <code>npm run build</code> in <code>gateway/dashboard</code>, "
            'then start the gateway again.</p><p>The API works: see <a href="/docs">/docs</a> and '
            '<a href="/health">/health</a>.</p>'
        )
        return HTMLResponse(_page("RegimeFlow", text))


async def _file(content: bytes, kind: str, keep: str) -> Response:
    return Response(content, media_type=kind, headers={"Cache-Control": keep})


def documentation(openapi: dict[str, Any]) -> str:
    """Return one page with every route, its parameters and its answers."""
    sections = [
        _route(method, path, operation)
        for path, operations in openapi["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
    ]
    head = (
        f"<p>Version {html.escape(openapi['info']['version'])}. The machine-readable form is "
        '<a href="/openapi.json">/openapi.json</a>. Live signals: WebSocket '
        "<code>/api/realtime/signals</code>.</p>"
    )
    return _page(f"{openapi['info']['title']} API", head + "".join(sections))


def _route(method: str, path: str, operation: dict[str, Any]) -> str:
    fields = [
        f"<li><code>{html.escape(field['name'])}</code> ({html.escape(field['in'])}) "
        f"{html.escape(field.get('description', ''))}</li>"
        for field in operation.get("parameters", [])
    ]
    answers = [
        f"<li>{html.escape(status)}: {html.escape(answer.get('description', ''))}</li>"
        for status, answer in operation.get("responses", {}).items()
    ]
    description = html.escape(operation.get("description", "")).replace("\n\n", "<br>")
    return (
        f"<h2><code>{method.upper()} {html.escape(path)}</code></h2><p>{description}</p>"
        f"<ul>{''.join(fields)}</ul><p>Answers</p><ul>{''.join(answers)}</ul>"
    )


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{html.escape(title)}</title><h1>{html.escape(title)}</h1>{body}</html>"
    )
