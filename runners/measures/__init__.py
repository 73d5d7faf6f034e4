"""Measures of finished runs: one object a file; the registry lists them."""
