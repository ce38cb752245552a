"""How Airflow's side reaches what does the work: connections, job folders, the job host, the landing area."""
