"""The WebSocket: subscriptions of clients, and the fan-out of arrivals to them."""
