"""Settings for the `devstack` command alone: quick to load, proof that it needs no more."""

SECRET_KEY = "test-only-and-protects-nothing"
INSTALLED_APPS = ["devstack"]
