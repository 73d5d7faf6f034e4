"""The parts of Memory Caching: where segments end, what gates the caches, and how they are read."""
