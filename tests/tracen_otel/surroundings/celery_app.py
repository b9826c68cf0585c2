"""A Celery application without a server: the worker is its own broker, and gives itself tasks when it is ready."""

from __future__ import annotations

import os
import time
from importlib import import_module  # Celery has no types, and is not on every machine
from typing import Any

from tests.tracen_otel.surroundings.traced import flush, run_agent

TASKS = 8


def do_task(number: int) -> None:
    run_agent(f"task {number}")
    time.sleep(0.05)  # so that the other process has a share of the tasks
    os.write(1, f"did task {number} by {os.getpid()}\n".encode())


def give_tasks(**_: Any) -> None:
    for number in range(TASKS):
        task.delay(number)


def end_process(**_: Any) -> None:
    flush()


app: Any = import_module("celery").Celery("surroundings", broker="memory://")
app.conf.broker_transport_options = {"polling_interval": 0.05}
app.conf.worker_prefetch_multiplier = TASKS
task = app.task(do_task)
signals: Any = import_module("celery.signals")
signals.worker_ready.connect(give_tasks)
signals.worker_process_shutdown.connect(end_process)
