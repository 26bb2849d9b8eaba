"""Research on recorded bars: fills, grids, optimisation, walk-forward, verdicts."""
