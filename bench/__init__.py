"""Benchmarks: what a run costs, beside plain Celery on the same servers in the same minutes."""
