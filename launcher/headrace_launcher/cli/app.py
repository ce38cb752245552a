"""The command `headrace`; each module of commands is named for what they are about."""

from headrace_launcher.cli import (
    data_commands,
    deploy_commands,
    lake_commands,
    new_command,
    pins_commands,
    policy_commands,
    project_commands,
    run_commands,
    services_commands,
    upgrade_commands,
    why_command,
)
from headrace_launcher.cli.output import Commands

app = Commands(no_args_is_help=True, help="Start and watch Headrace on this machine.")
app.add_typer(services_commands.commands)
app.add_typer(data_commands.commands)
app.add_typer(why_command.commands)
app.add_typer(new_command.commands)
app.add_typer(run_commands.commands)
app.add_typer(project_commands.commands)
app.add_typer(upgrade_commands.commands)
app.add_typer(lake_commands.commands)
app.add_typer(pins_commands.commands, name="pins")
app.add_typer(policy_commands.commands, name="policy")
app.add_typer(deploy_commands.commands, name="deploy")
