"""The commands of `portico`, a module per kind of work."""
