"""Execution of studies: engines, workers, progress, and the plan of what is still missing."""
