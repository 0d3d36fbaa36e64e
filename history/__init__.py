"""What is remembered: the store, its readers, what is handed over, and the check of it."""
