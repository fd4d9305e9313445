"""The program: one run, its plan, the command line and the service."""
