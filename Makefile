# CampusG. `make demo` shows it, `make test` proves it; both install what they need into .venv.
.DEFAULT_GOAL := help
.PHONY: help demo up test test-stripe races chaos-events check bench lock clean crashtest soak chaos event-orders mutants mutation model

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Processes that share the tests, each with servers of its own.
JOBS ?= 2

help:  ## List these targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY)  ## A lunch hour to its end: 200 orders, faults, killed workers, then the proof. KEEP=1 leaves it running.
	@$(BIN)/python -m devstack.demo $(if $(KEEP),--keep) $(ARGS)

up: $(READY)  ## Run everything here until Ctrl-C: servers, web, workers, beat. Prints URLs and logins.
	@$(BIN)/python manage.py devstack up

test: $(READY)  ## Run the tests on real embedded servers. ARGS="-m race" hands arguments to pytest.
	@$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

test-stripe: $(READY)  ## The contract with Stripe, on Stripe itself: STRIPE_API_KEY=sk_test_… (a live key is refused).
	@case "$(STRIPE_API_KEY)" in sk_test_*|rk_test_*) ;; \
	  *) echo "Give a test key: make test-stripe STRIPE_API_KEY=sk_test_..." >&2; exit 2;; esac
	@STRIPE_API_BASE="$${STRIPE_API_BASE:-https://api.stripe.com}" STRIPE_SECRET_KEY="$(STRIPE_API_KEY)" \
	  $(BIN)/python -m pytest tests/contract/test_stripe.py $(ARGS)

races: $(READY)  ## Every race 200 times over, where `make test` runs 20 rounds.
	@RACE_ROUNDS=200 $(BIN)/python -m pytest -n $(JOBS) -m race --timeout 1800 $(ARGS)

event-orders: $(READY)  ## 500 lives of an order, Stripe's events in any order, any number of times, replies lost.
	@EVENT_ORDERS=500 $(BIN)/python -m pytest tests/sagas/test_event_orders.py -q --timeout 3600 $(ARGS)

model: $(READY)  ## 300 lives of an order as Hypothesis draws them: crashes, zombies, old messages, hands.
	@MODEL_LIVES=$(or $(MODEL_LIVES),300) MODEL_SEED=$(or $(MODEL_SEED),1) \
	  $(BIN)/python -m pytest tests/sagas/test_model.py -q --timeout 7200 $(ARGS)

chaos-events: $(READY)  ## Kill relay and consumer every 2 s through the events of 5 000 orders, then count.
	@CHAOS_ORDERS=5000 CHAOS_EVERY=2 $(BIN)/python -m pytest tests/events/test_chaos.py -q $(ARGS)

soak: $(READY)  ## An hour or 10 000 orders, 1 call to Stripe in 20 failing, a worker killed each 30 s; then the proof.
	@$(BIN)/python -m devstack.soak $(if $(KEEP),--keep) $(ARGS)

chaos: $(READY)  ## Six minutes in which everything is killed, paused, wiped or cut off; then the proof.
	@$(BIN)/python -m devstack.chaos $(if $(KEEP),--keep) $(ARGS)

crashtest: $(READY)  ## Every saga x step x point at which a process, a worker or the relay may die, then the proof (20 minutes).
	@$(BIN)/python manage.py saga_crashtest $(ARGS)

mutants: $(READY)  ## Take each guard of docs/guards.md away in turn: its test has to fail (5 minutes).
	@$(BIN)/python -m devstack.mutants $(ARGS)

mutation: $(READY)  ## Change code of the money and the engine 500 times over: tests have to notice. ARGS="engine --again".
	@$(BIN)/python -m devstack.mutation $(ARGS)

check: $(READY)  ## Lint, types, who imports whom, migrations, deployment settings, generated docs.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -W ignore manage.py makemigrations --check --dry-run
	@SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(50))') \
	  STRIPE_SECRET_KEY=sk_test_check CAMPUSG_ENV=check DJANGO_SETTINGS_MODULE=campusg.settings.production \
	  $(BIN)/python -W error manage.py check --deploy --fail-level WARNING
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null
	$(BIN)/python manage.py sagas --markdown | diff docs/sagas.md -
	$(BIN)/python manage.py schemas check
	$(BIN)/python manage.py asyncapi | diff docs/asyncapi.yaml -
	$(BIN)/python manage.py asyncapi --page | diff docs/events.md -
	$(BIN)/python -m devstack.mutants --page | diff docs/guards.md -
	$(BIN)/python -m devstack.mutation --page | diff docs/mutation.md -
	$(BIN)/pip check

bench: $(READY)  ## Measure, beside plain Celery on the same servers, and print ratios.
	@$(BIN)/python -m bench $(ARGS)

lock: $(READY)  ## Pin requirements anew from the *.in files.
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --no-header --universal --python-version 3.11 --upgrade requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --no-header --universal --python-version 3.11 --upgrade requirements-dev.in -o requirements-dev.txt
	$(BIN)/uv pip compile --quiet --no-header --universal --python-version 3.11 --upgrade --generate-hashes devstack/requirements.in -o devstack/requirements.txt

clean:  ## Remove the virtual environment and every embedded server's data.
	rm -rf $(VENV) .campusg

$(READY): requirements-dev.txt devstack/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "CampusG needs Python 3.11 or newer; install it, or say which one: make PYTHON=python3.12 ..." >&2; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "Python's venv module is missing; install it (Debian, Ubuntu: apt-get install python3-venv)." >&2; exit 2; }
	@echo "Installing into $(VENV) (half a minute, once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r devstack/requirements.txt
	@$(BIN)/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "campusg.pth").write_text("$(CURDIR)\n")'
	@touch $@
