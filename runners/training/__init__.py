"""Training of one run: the loop, its optimiser and checkpoints, checks for leaks, and memory swaps."""
