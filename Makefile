# Everyday commands. `make` alone lists them.

ARGS ?=
# A root file system is made and entered to check the image.
SUDO := $(if $(filter 0,$(shell id -u)),,sudo -E)
export SQLX_OFFLINE ?= true

.PHONY: help
help: ## List these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: setup
setup: ## Install what building and testing needs (Debian packages, test runner)
	@scripts/setup

.PHONY: demo
demo: setup ## Run a whole rollout in two minutes; ARGS="--break errors --at 20" breaks it
	cargo build --release --quiet --bin rampart
	target/release/rampart demo $(ARGS)

.PHONY: run
run: ## Run the daemon on a private database under .rampart
	cargo run --bin rampart -- serve $(ARGS)

.PHONY: test
test: setup ## Format check, clippy, every test, the page, the API's description, deployment, dashboard and alerts
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo nextest run --workspace --locked
	scripts/check-page
	scripts/check-api 20 1
	scripts/check-deploy
	scripts/check-boards
	$(SUDO) scripts/check-dockerfile

.PHONY: fuzz
fuzz: setup ## Throw requests at the API, made from its description; SECONDS=600 for longer
	scripts/check-api $(or $(SECONDS),120)

.PHONY: container
container: setup ## Carry out the Dockerfile without a container engine, and run what it makes (PROFILE=release)
	$(SUDO) scripts/check-dockerfile

.PHONY: fmt
fmt: ## Format the code
	cargo fmt --all

.PHONY: page
page: ## Build the ops page into dashboards/web/dist
	cd dashboards/web && npm ci && npm run build

.PHONY: generate
generate: ## Make everything that is generated and committed: the SQL cache, the schema of policies, the page's types and the page
	scripts/generate
	cd dashboards/web && npm ci && npm run types && npm run build

.PHONY: bench
bench: setup ## Measure the figures that performance.md quotes
	cargo bench --bench evaluate
	cargo bench -p rampart-core --bench statistics
	cargo build --release --quiet --bin rampart
	cargo bench --bench guard
	cargo bench --bench parts
	cargo bench --bench prometheus
	cargo bench --bench scale
	cd dashboards/web && npm ci --no-audit --no-fund --loglevel=error
	node benches/page/main.mjs

.PHONY: table
table: ## Try the rules of rollback on whole rollouts, two minutes; > docs/statistics-table.md
	@cargo run --release --quiet -p rampart-sim --example rules -- $(ARGS)

.PHONY: clean-test-db
clean-test-db: ## Stop the PostgreSQL that the tests share
	cargo run --quiet -p rampart-postgres --example stop_test_server
