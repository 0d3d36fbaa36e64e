"""Packages: their names, the lines that ask for them, and their installation."""
