"""Simulated tools on loopback: one small server per tool and a seeded city portfolio."""
