"""Early fraud warnings: a bank suspects a charge, before anybody disputes it.

https://docs.stripe.com/disputes/measuring#early-fraud-warnings
"""

from stripe.params.radar import EarlyFraudWarningListParams, EarlyFraudWarningRetrieveParams

from devstack.stripe_sandbox.ids import new_id
from devstack.stripe_sandbox.lists import PAGE, filters, page
from devstack.stripe_sandbox.routes import Call, Route
from devstack.stripe_sandbox.store import Json

_KIND = "radar.early_fraud_warning"


def warn(call: Call, charge_id: str, wanted: Json) -> Json:
    """The bank sends a warning about a charge."""
    charge = call.open("charge", charge_id)
    warning: Json = {
        "id": new_id("issfr"),
        "object": _KIND,
        "actionable": not (charge["disputed"] or charge["refunded"]),
        "charge": charge_id,
        "created": call.now,
        "fraud_type": "unauthorized_use_of_card",
        "livemode": False,
        "payment_intent": charge["payment_intent"],
    }
    call.store.insert(warning)
    call.emit(f"{_KIND}.created", warning)
    return warning


def settle(call: Call, charge_id: str) -> None:
    """ "An EFW is actionable if it has not received a dispute and has not been fully refunded."

    https://docs.stripe.com/api/radar/early_fraud_warnings/object
    """
    for warning in call.store.find(_KIND, limit=100, fields={"charge": charge_id}):
        if warning["actionable"]:
            warning["actionable"] = False
            call.store.update(warning)
            call.emit(f"{_KIND}.updated", warning, {"actionable": True})


def retrieve(call: Call, name: str) -> Json:
    """https://docs.stripe.com/api/radar/early_fraud_warnings/retrieve"""
    return call.open(_KIND, name)


def list_(call: Call) -> Json:
    """https://docs.stripe.com/api/radar/early_fraud_warnings/list"""
    wanted = filters(call, "charge", "payment_intent")
    return page(call, _KIND, "/v1/radar/early_fraud_warnings", wanted)


_URL = "/v1/radar/early_fraud_warnings"
ROUTES = [
    Route("GET", _URL, list_, EarlyFraudWarningListParams, f"{PAGE} charge payment_intent"),
    Route("GET", f"{_URL}/:id", retrieve, EarlyFraudWarningRetrieveParams),
]
