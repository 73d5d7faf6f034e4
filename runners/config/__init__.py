"""A run as data: its task, model, training and seed; whose code it may use."""
