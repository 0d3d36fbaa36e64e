"""Files on their way into the sandbox and out of it."""
