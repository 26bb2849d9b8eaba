"""What runs on the operator's own machine: the Kafka broker and the supervised processes."""
