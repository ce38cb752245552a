"""Who may do what in Airflow on a cluster."""
