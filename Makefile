# make up    everything on this machine: install, migrate, demo data, start (Ctrl-C stops)
# make test  what the tests need, and all tests
VENV ?= .venv
PY := $(VENV)/bin/python
STAMPS := .local/stamps

.PHONY: up test setup test-setup check bench doctor lock clean
up: setup
	@exec $(PY) -m app up

test: test-setup check
	$(PY) -m tests

setup: $(STAMPS)/debian $(STAMPS)/python $(STAMPS)/npm $(STAMPS)/asterisk

test-setup: setup $(STAMPS)/debian-test $(STAMPS)/python-test

$(STAMPS)/debian: docker/steps/debian.sh
	@mkdir -p $(STAMPS) && docker/steps/debian.sh run && touch $@
$(STAMPS)/debian-test: docker/steps/debian.sh
	@mkdir -p $(STAMPS) && docker/steps/debian.sh test && touch $@
$(STAMPS)/python: requirements.txt docker/steps/python.sh | $(STAMPS)/debian
	@echo "Python packages …" && docker/steps/python.sh $(VENV) requirements.txt && touch $@
$(STAMPS)/python-test: requirements-dev.txt $(STAMPS)/python
	@echo "Python packages of the tests …" && docker/steps/python.sh $(VENV) requirements-dev.txt && touch $@
$(STAMPS)/npm: package-lock.json app/web/assets.py $(wildcard app/locales/*/*/*.po app/locales/parts/*.json) | $(STAMPS)/python
	@echo "Browser libraries …" && docker/steps/npm.sh $(PY) && touch $@
$(STAMPS)/asterisk: pbx_provisioning/node/root.py docker/steps/asterisk.sh | $(STAMPS)/python
	@echo "Asterisk …" && docker/steps/asterisk.sh $(PY) && touch $@

check:
	$(VENV)/bin/ruff check .
	$(VENV)/bin/lint-imports --no-cache
	node_modules/.bin/pyright --pythonpath $(PY) --level error

bench: test-setup
	$(PY) -m bench

doctor:
	@$(PY) -m app doctor

lock:  # after a change of requirements*.in
	$(VENV)/bin/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --no-header --strip-extras --allow-unsafe -o requirements.txt requirements.in
	$(VENV)/bin/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --no-header --strip-extras --allow-unsafe -c requirements.txt -o requirements-dev.txt requirements-dev.in

clean:
	rm -rf .local/state .local/test
