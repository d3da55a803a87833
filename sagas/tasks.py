"""Every saga of the project, made runnable: workers and publishers find them here."""

from sagas.create_order import create_order
from sagas.engine.tasks import on_fail, register, sweep
from sagas.upkeep import set_missing_timers

SAGAS = (create_order,)

for saga in SAGAS:
    register(saga)

__all__ = ["SAGAS", "on_fail", "set_missing_timers", "sweep"]
