"""Commands. Each is imported only when it is run."""
