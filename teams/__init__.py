"""How the agents take turns, recover and stop."""
