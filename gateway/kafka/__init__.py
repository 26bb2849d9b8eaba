"""The gateway on Kafka: reads topics, publishes, asks workers and waits for their replies."""
