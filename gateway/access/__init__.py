"""Who may do what: tokens of an issuer, API keys, scopes, limits, and the headers for browsers."""
