"""Drives the Stripe sandbox over HTTP with Stripe's own Python library."""
