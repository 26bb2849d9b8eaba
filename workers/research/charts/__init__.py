"""Charts of results: as records, as Plotly JSON, as PNG, as SVG in a page."""
