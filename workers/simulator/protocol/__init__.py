"""Binance USD-M as it is spoken on the wire: REST routes, WebSocket streams, payloads."""
