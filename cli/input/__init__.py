"""What the user types: the prompt, its keys, the editor."""
