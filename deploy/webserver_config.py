"""How people log in to Airflow on a cluster: AIRFLOW__FAB__CONFIG_FILE names this file."""

from flask_appbuilder.const import AUTH_DB

from headrace_airflow.access.login import LimitedLogin, check_password
from headrace_airflow.access.roles import ADMIN

# Names and passwords in Airflow's own database. LDAP, OAuth and others: see Airflow's FAB provider.
AUTH_TYPE = AUTH_DB
SECURITY_MANAGER_CLASS = LimitedLogin

# FAB gives new permissions to this role; by another name it would make a fifth role.
AUTH_ROLE_ADMIN = ADMIN

# An admin makes users: nobody registers, and nobody looks without logging in.
AUTH_USER_REGISTRATION = False
AUTH_ROLE_PUBLIC = None

FAB_PASSWORD_COMPLEXITY_ENABLED = True
FAB_PASSWORD_COMPLEXITY_VALIDATOR = check_password

# Log-ins in the form are counted per process; `[fab] auth_rate_limit` says how many.
RATELIMIT_STORAGE_URI = "memory://"
