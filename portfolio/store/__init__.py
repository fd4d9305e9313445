"""The portfolio store: tables, migrations and queries."""
