"""Back-tests as a process: requests in, progress and results out."""
