"""The leakage report as a page for people."""
