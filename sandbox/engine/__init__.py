"""The container engine: finding it, its images, what it enforces, and what earlier sessions left on it."""
