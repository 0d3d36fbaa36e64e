"""What the user sees: the screen, and each kind of thing on it."""
