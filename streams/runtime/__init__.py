"""The drivers: what runs a chain of processors on Kafka, or in memory."""
