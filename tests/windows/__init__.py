"""The program as on Windows: what Windows lacks is hidden from it."""
