"""Studies: which runs, at which learning rates, matched in what, and what is asked of them. Data, not code."""
