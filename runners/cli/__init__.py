"""One file per command of `recall`: each has `run(words) -> exit status`."""
