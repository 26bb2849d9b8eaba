"""Model files as they lie on disk, and the kernels that compute and attribute with them."""
