"""The simulated exchange: a seeded market behind Binance USD-M's own protocol, on loopback."""
