"""Features: checked bars in, one vector of indicators per bar close out."""
