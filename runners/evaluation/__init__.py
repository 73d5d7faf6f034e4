"""Scores of a model: right and wrong answers, by distance, depth and position."""
