"""A report as one HTML file: no script, nothing loaded, dark or light."""

from __future__ import annotations

from html import escape
from pathlib import Path


def html_document(title: str, body: str) -> str:
    """Return a whole page with the reports' style; ``body`` is HTML already."""
    style = (Path(__file__).parent / "document.css").read_text()
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>RegimeFlow: {escape(title)}</title><style>{style}</style></head>"
        f"<body>{body}</body></html>"
    )
