"""Connectors: one per tool family, each speaking its tool's own fields."""
