"""The WebSocket: what a client asks for, and how each arrival is fanned out to all."""
