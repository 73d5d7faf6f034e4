"""Finished runs as a whole: asked in SQL, set side by side, worked out again from their answers."""
