"""The claims of this project, checked. Mirrors the tree."""
