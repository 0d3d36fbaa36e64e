"""Many tasks: read from a file, run side by side on one machine or many, each result written as soon as it is there."""
