"""The contract: everything that two processes must agree on. Imports pydantic only."""
