"""Reports: one report document, built once from a snapshot, and the formats that print it."""
