"""Archive: every fact topic as Parquet files by day."""
