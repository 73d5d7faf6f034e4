"""Training, measuring and probing: everything that runs models on tasks."""
