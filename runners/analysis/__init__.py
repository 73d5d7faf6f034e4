"""What the tables of results say: memories compared in pairs, how far they reach, how much they hold."""
