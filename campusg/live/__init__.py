"""Live streams kept open: one LISTEN and one poll for all of them, no thread for any."""
