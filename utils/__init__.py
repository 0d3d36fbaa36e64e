"""The floor: what two packages need and nothing of ours stands below."""
