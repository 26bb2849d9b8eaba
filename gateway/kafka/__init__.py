"""The gateway on Kafka: what it reads and publishes, and requests to workers."""
