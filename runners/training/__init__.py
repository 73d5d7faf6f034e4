"""What training is made of: lengths and loads, rows, the rate, where it goes on, what it must not know."""
