"""Where and when runs execute, and what of a study is still missing."""
