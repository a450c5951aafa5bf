# `make up` runs a real Kubernetes with the operator on this machine, `make test` is what CI runs.
SHELL   := /bin/bash
.SHELLFLAGS := -euo pipefail -c
VERSION ?= v0.1.0
BIN     := $(CURDIR)/bin
LOCAL   := $(BIN)/local
GOLANGCI_LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
# Debian packages that the tests need: a PostgreSQL server for `roles`, PgBouncer for `pgbouncer`, psql for the tutorial.
APT_PACKAGES := postgresql postgresql-contrib postgresql-client pgbouncer

.DEFAULT_GOAL := help
.PHONY: help build image generate tidy verify lint unit test e2e e2e-failures up down status env deploy undeploy prerequisites $(LOCAL)

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build bin/postgres-operator, one static binary
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $(BIN)/postgres-operator ./cmd/postgres-operator

$(LOCAL):
	@cd local && go build -o $(LOCAL) .

up: build $(LOCAL) ## Run a Kubernetes on this machine (Debian, root), the operator in it and a first Postgres cluster
	@$(LOCAL) up
	@$(LOCAL) deploy $(BIN)/postgres-operator --with-cluster

down: $(LOCAL) ## Stop and remove the Kubernetes of `make up`
	@$(LOCAL) down

status: $(LOCAL) ## Show what of `make up` runs
	@$(LOCAL) status

env: $(LOCAL) ## Print the shell variables that reach the Kubernetes of `make up`: eval "$(make -s env)"
	@$(LOCAL) env

image: build $(LOCAL) ## Write the operator's image as an OCI archive, bin/postgres-operator.tar
	@$(LOCAL) image $(BIN)/postgres-operator $(BIN)/postgres-operator.tar

deploy: ## Apply the operator and the minimal cluster to the cluster that KUBECONFIG names
	kubectl apply -k manifests
	kubectl rollout status deployment/postgres-operator --timeout=180s
	kubectl apply -f manifests/minimal-postgres-manifest.yaml

undeploy: ## Remove what `make deploy` applied; deletes the minimal cluster first
	kubectl delete --ignore-not-found -f manifests/minimal-postgres-manifest.yaml --wait
	kubectl delete --ignore-not-found -k manifests

generate: ## Regenerate deepcopy, CRDs, Kubernetes schema and reference docs
	go generate ./...

tidy: ## Tidy both modules and format the code
	go mod tidy
	cd local && go mod tidy
	gofmt -l -w $$(git ls-files '*.go')

verify: ## Fail when generated files, go.mod or formatting are not up to date
	@state() { git status --porcelain; git diff; }; before="$$(state)"; \
	$(MAKE) --no-print-directory generate tidy; \
	[ "$$before" = "$$(state)" ] || { git --no-pager diff --stat; echo "make generate tidy changed files: commit them" >&2; exit 1; }

lint: ## Run golangci-lint
	$(GOLANGCI_LINT) run ./...
	cd local && $(GOLANGCI_LINT) run --config ../.golangci.yml ./...

prerequisites:
	@$(CURDIR)/.ci/prerequisites $(APT_PACKAGES)

unit: prerequisites $(LOCAL) ## Run unit, golden, API-server and PostgreSQL tests
	KUBEBUILDER_ASSETS="$$($(LOCAL) bin)" go test ./...
	cd local && go test ./...

e2e: build $(LOCAL) ## Run the end-to-end tests on the local Kubernetes, starting it when it is down
	@$(LOCAL) up
	@$(LOCAL) deploy $(BIN)/postgres-operator
	eval "$$($(LOCAL) env)"; go test -tags e2e -count=1 -timeout 40m -v ./e2e/...

e2e-failures: build $(LOCAL) ## Run the tests of failures during rollouts: half an hour, and nobody else can use the local Kubernetes
	@$(LOCAL) up
	@$(LOCAL) deploy $(BIN)/postgres-operator
	eval "$$($(LOCAL) env)"; go test -tags e2e -count=1 -timeout 90m -v -run '^TestFailure' ./e2e/... -failures

test: verify lint unit e2e ## Run everything that CI runs
