"""Archive: every fact topic kept as Parquet by day."""
