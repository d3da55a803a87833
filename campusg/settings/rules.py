"""What a campus decides about orders and money, and how it talks to Stripe."""

from campusg.env import env

# Stripe
STRIPE_API_BASE = env.str("STRIPE_API_BASE", "https://api.stripe.com")
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", "")
# Connect, read. A reply that comes later is an unknown outcome, not a failure.
STRIPE_TIMEOUT_SECONDS = (3.0, 15.0)
# Stretches or shrinks the schedule on which unknown outcomes are looked into.
STRIPE_RETRY_SCALE = env.float("STRIPE_RETRY_SCALE", 1.0)
# An order whose authorization is unknown for this long is cancelled; the operation stays watched.
AUTHORIZATION_GIVE_UP_SECONDS = env.float("AUTHORIZATION_GIVE_UP_SECONDS", 900)
# A customer who is asked to confirm a payment (3-D Secure) has so long to do it.
PAYMENT_CONFIRMATION_SECONDS = env.float("PAYMENT_CONFIRMATION_SECONDS", 900)
# So long before the card's promise lapses, an order that still relies on it is ended.
AUTHORIZATION_MARGIN_SECONDS = env.float("AUTHORIZATION_MARGIN_SECONDS", 24 * 3600)
# So long before it lapses operators are told of a hold that an order still relies on.
AUTHORIZATION_WARNING_SECONDS = env.float("AUTHORIZATION_WARNING_SECONDS", 48 * 3600)

# A payee who can't be paid for so long is a person's to look at, besides being tried daily.
PAYOUT_HELD_MAX_SECONDS = env.float("PAYOUT_HELD_MAX_SECONDS", 7 * 24 * 3600)

# What Stripe signs its webhooks with: one secret for each endpoint, two while one is replaced.
STRIPE_WEBHOOK_SECRETS: list[str] = env.list("STRIPE_WEBHOOK_SECRETS", [])
STRIPE_CONNECT_WEBHOOK_SECRETS: list[str] = env.list("STRIPE_CONNECT_WEBHOOK_SECRETS", [])
# Calls a second: in all, and of each endpoint; 0: as many as there are. Stripe takes 100 and 25
# (https://docs.stripe.com/rate-limits); production leaves some for people and other systems.
STRIPE_CALLS_PER_SECOND = env.int("STRIPE_CALLS_PER_SECOND", 0)
STRIPE_ROUTE_PER_SECOND = env.int("STRIPE_ROUTE_PER_SECOND", 0)
# After so many calls without an answer nobody waits for Stripe and no new order is taken, for so
# many seconds; then one call tries. 0 failures: never.
STRIPE_BREAKER_FAILURES = env.int("STRIPE_BREAKER_FAILURES", 5)
STRIPE_BREAKER_OPEN_SECONDS = env.float("STRIPE_BREAKER_OPEN_SECONDS", 15)

# Order rules
ORDER_TIMEOUT_SECONDS = env.float("ORDER_TIMEOUT_SECONDS", 30 * 60)
# A delivery that takes longer than this after it was accepted is told of.
DELIVERY_REMINDER_SECONDS = env.float("DELIVERY_REMINDER_SECONDS", 45 * 60)
# Money that has been set aside for this long ends its order: what was delivered is completed, what
# was not is called off. Long before any card's promise lapses.
ESCROW_TIMEOUT_SECONDS = env.float("ESCROW_TIMEOUT_SECONDS", 24 * 3600)
# Of each payout, at most this much is kept back for what its payee owes us of earlier orders.
SET_OFF_BASIS_POINTS = env.int("SET_OFF_BASIS_POINTS", 5000)
# What a customer pays besides the food; the platform's share covers Stripe's fee.
DELIVERY_FEE_MINOR = env.int("DELIVERY_FEE_MINOR", 399)
PLATFORM_FEE_FIXED_MINOR = env.int("PLATFORM_FEE_FIXED_MINOR", 40)
PLATFORM_FEE_BASIS_POINTS = env.int("PLATFORM_FEE_BASIS_POINTS", 500)
# From it the PIN of each order is derived; when it changes so do all PINs. Empty: SECRET_KEY.
HANDOVER_PIN_KEY = env.str("HANDOVER_PIN_KEY", "")
# Above so much of a currency, money is moved by hand only if a second person has approved it; what
# is not listed has no limit.
MONEY_BY_HAND_LIMITS: dict[str, int] = env.dict(
    "MONEY_BY_HAND_LIMITS", {"USD": 20_000}, subcast_values=int
)
# The most the campus lets stand in escrow at once, per currency; empty: no cap.
ESCROW_OPEN_CAP_MINOR = env.int("ESCROW_OPEN_CAP_MINOR", None)

# Orders a customer may have waiting for their payment at once.
UNPAID_ORDERS_MAX = env.int("UNPAID_ORDERS_MAX", 3)
