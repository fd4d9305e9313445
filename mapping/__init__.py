"""Mapping: source records to normalized entities, figures to field values."""
