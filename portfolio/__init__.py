"""The normalized portfolio and the pure functions that judge it."""
