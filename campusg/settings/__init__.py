"""Settings: `base` holds everything; `local`, `test` and `production` say only what differs."""
