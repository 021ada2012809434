"""Suites: many experiments, each with several seeds, started by one command."""
