#!/bin/bash
# Runs once, when the data folder is made: a database and a role of its own for Airflow and for MLflow.
set -euo pipefail

# psql reads the passwords from its environment: nothing of them is on a command line.
AIRFLOW_DB_PASSWORD=$(cat "$AIRFLOW_DB_PASSWORD_FILE")
MLFLOW_DB_PASSWORD=$(cat "$MLFLOW_DB_PASSWORD_FILE")
export AIRFLOW_DB_PASSWORD MLFLOW_DB_PASSWORD
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv airflow_password AIRFLOW_DB_PASSWORD
\getenv mlflow_password MLFLOW_DB_PASSWORD
CREATE ROLE airflow LOGIN PASSWORD :'airflow_password';
CREATE DATABASE airflow OWNER airflow;
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow_password';
CREATE DATABASE mlflow OWNER mlflow;
REVOKE CONNECT ON DATABASE airflow, mlflow FROM PUBLIC;
SQL
