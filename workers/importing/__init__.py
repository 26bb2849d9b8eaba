"""Models of other makers, converted into bundles; the file itself is opened by a child alone."""
