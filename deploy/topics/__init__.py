"""The topics of a cluster: applied, read, repaired, verified and exported."""
