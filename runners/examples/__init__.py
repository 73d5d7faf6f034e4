"""Examples that newcomers copy."""
