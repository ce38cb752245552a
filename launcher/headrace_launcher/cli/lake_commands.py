"""The commands that look after the lake and the store it lies in."""

import os
import sys
from typing import Annotated

import typer

from headrace_launcher.cli.output import AsJson, answer, news, progress_of, settings_here
from headrace_schemas.accounts import Account
from headrace_schemas.installation import require_one_spark

commands = typer.Typer()


@commands.command()
def doctor(as_json: AsJson = False) -> None:
    """Check where the lake is: object store or disk. The exit code is 1 when it must not be used."""
    from headrace_launcher.object_store.doctor import examine, lines  # heavy: SDKs of the store

    require_one_spark()
    report = examine(settings_here(), os.environ)
    answer(as_json, report.as_json(), lines(report))
    if report.is_bad:
        raise typer.Exit(1)


@commands.command()
def fsck(
    tables: Annotated[
        list[str] | None,
        typer.Argument(help="As `silver.flights` or `quarantine.silver.flights`; without, all."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Read all data, too.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Move checkpoints aside that only readers need.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check that no table of the lake has lost or changed rows. The exit code is 1 if one has."""
    from headrace_launcher.cli.fsck import examine, lines  # heavy: SDKs of the store

    progress = progress_of(True)  # stdout is the findings' alone, for people, too
    with progress.shown():
        report = examine(settings_here(), tables or (), progress.doing, full=full, mend=repair)
    answer(as_json, report.as_json(), lines(report))
    if not report.checked.is_well:
        raise typer.Exit(1)


@commands.command()
def provision(
    account: Annotated[Account | None, typer.Argument(help="Whose policy is printed.")] = None,
    print_policy: Annotated[
        bool, typer.Option("--print-policy", help="Print what ACCOUNT, or one for all, may do.")
    ] = False,
    wait: Annotated[float, typer.Option(help="Seconds that the store may take to start.")] = 60,
    as_json: AsJson = False,
) -> None:
    """Make the lake's object store ready: buckets, encryption, accounts and their policies."""
    from headrace_launcher.object_store import provision as store_of  # heavy: SDKs of the store

    if account and not print_policy:
        raise typer.BadParameter("only --print-policy takes an account; all of them are made")
    store, login = store_of.asked_for(settings_here(), os.environ)
    if print_policy and store.locations:
        sys.stdout.write(f"{store_of.policy_text(store, login, account)}\n")
        return
    done: list[dict[str, str]] = []

    def tell(state: str, what: str) -> None:
        done.append({"state": state, "what": what})
        if not as_json:
            news(as_json).print(f"{state:<8} {what}", markup=False)

    store_of.provision(store, login, tell, wait)
    answer(as_json, {"done": done})
    if not as_json and store.locations and login.root is None and login.stages is None:
        sys.stdout.write(f"{store_of.policy_text(store, login)}\n")
