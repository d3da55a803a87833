"""Celery knows tasks by their names only, and of two with one name it keeps one."""

from inspect import signature

from celery import current_app

from sagas.engine.definition import Saga

MESSAGE = ["run_id", "position", "epoch"]


def test_no_other_task_takes_the_name_of_a_step() -> None:
    current_app.loader.import_default_modules()
    names = {act.name for saga in Saga.registry.values() for act in saga.participants}
    assert names
    strangers = {
        name for name in names if [*signature(current_app.tasks[name].run).parameters] != MESSAGE
    }
    assert strangers == set()
