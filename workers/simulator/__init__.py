"""The simulated exchange: a seeded market that speaks the protocol of Binance USD-M."""
