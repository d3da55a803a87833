"""The sagas: one file, one table; `engine` runs them."""
