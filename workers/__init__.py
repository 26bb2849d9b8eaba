"""Side effects and heavy hardware: exchanges, models, archives."""
