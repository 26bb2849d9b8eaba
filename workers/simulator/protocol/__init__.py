"""The protocol of Binance USD-M: REST routes, WebSocket streams, payloads."""
