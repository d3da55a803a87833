"""What a saga is, and how Celery runs one so that nothing is lost. Knows no app."""

from sagas.engine.definition import Saga, step
from sagas.engine.participant import Retry, SagaMistake, participant, remote_participant
from sagas.engine.results import Again, Unkept, Unknown, Waiting

__all__ = [
    "Again",
    "Retry",
    "Saga",
    "SagaMistake",
    "Unkept",
    "Unknown",
    "Waiting",
    "participant",
    "remote_participant",
    "step",
]
