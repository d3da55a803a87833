"""Restaurants, menus and orders; `services` is the front door."""
