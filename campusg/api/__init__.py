"""What every HTTP endpoint shares: problem details, idempotency keys, permissions, pagination."""
