"""How Airflow asks: Dags, operators, sensors and triggers. No data logic and no Spark in here."""
