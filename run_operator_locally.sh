#!/usr/bin/env bash
# The tutorial of README.md in one go, on the Kubernetes that the current kubeconfig names.
set -euo pipefail
cd "$(dirname "$0")"

kubectl create -f manifests/configmap.yaml
kubectl create -f manifests/operator-service-account-rbac.yaml
kubectl create -f manifests/postgres-operator.yaml
kubectl rollout status deployment/postgres-operator --timeout=180s
kubectl create namespace test
kubectl create --namespace test -f manifests/minimal-postgres-manifest.yaml
kubectl wait --namespace test postgresql/acid-minimal-cluster --for=condition=Ready --timeout=300s
kubectl get --namespace test postgresql,pods,services

cat <<'EOF'
Connect, through a port-forward that works from anywhere:
  kubectl port-forward --namespace test service/acid-minimal-cluster 6432:5432 &
  export PGPASSWORD=$(kubectl get secret --namespace test postgres.acid-minimal-cluster.credentials -o 'jsonpath={.data.password}' | base64 -d)
  PGSSLMODE=require psql -h localhost -p 6432 -U postgres
EOF
