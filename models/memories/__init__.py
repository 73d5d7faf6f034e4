"""One file per memory."""
