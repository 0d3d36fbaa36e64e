"""Shared basics: what two packages or more need; nothing here imports from another package."""
