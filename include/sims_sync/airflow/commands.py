"""Commands of the sync for ``airflow``, which its provider tells Airflow of (``airflow sims-sync --help``)."""

from __future__ import annotations

from airflow.cli.cli_config import ARG_YES, ActionCommand, Arg, CLICommand, GroupCommand, lazy_load_command

_PERSON = Arg(("--person-id",), required=True, help="the Person ID, as SIMS or the directory has it")
_SCHOOL = Arg(("--school",), metavar="ID", help="the school whose Person ID it is")
_ALL = Arg(
    ("--all-schools",),
    action="store_true",
    help="every school with files in the store; mind that the same Person ID is another person in another SIMS",
)
_OUTPUT = Arg(("--output",), metavar="FILE", help="where to write it, private to you; default: standard output")
_DRY_RUN = Arg(("-n", "--dry-run"), action="store_true", help="change nothing; say what would be erased")

_THE_SCHOOL = Arg(("school",), metavar="SCHOOL", help="the id of the school, as schools.yaml has it")

_WHERE = "SIMS_SYNC_STORE says where the files lie. More in docs/privacy.md."


def get_cli_commands() -> list[CLICommand]:
    """The commands below ``airflow sims-sync``."""
    module, directories = "sims_sync.airflow.person_commands", "sims_sync.airflow.directory_commands"
    return [
        GroupCommand(
            name="sims-sync",
            help="What the student sync holds of one person, and what it knows of a directory",
            subcommands=(
                ActionCommand(
                    name="access",
                    help="Give out all that the run files and the state hold of one person",
                    description="Give out, as JSON, all that the run files and the state hold of one person.",
                    epilog=_WHERE,
                    func=lazy_load_command(f"{module}.access"),
                    args=(_PERSON, _SCHOOL, _ALL, _OUTPUT),
                ),
                ActionCommand(
                    name="erase",
                    help="Take one person out of the run files and the state",
                    description="Take one person out of the run files and the state. Who is on roll comes back with "
                    "the next night: the source must be corrected first. The account in the directory is not touched.",
                    epilog=_WHERE,
                    func=lazy_load_command(f"{module}.erase"),
                    args=(_PERSON, _SCHOOL, _ALL, _DRY_RUN, ARG_YES),
                ),
                ActionCommand(
                    name="forget",
                    help="Forget what was learnt of a school's directory",
                    description="Forget what was learnt of a school's directory while it was written to: which forms "
                    "of writing it takes, which values it keeps otherwise, whether accounts can be created. The next "
                    "run tries all of it again. Use it after the directory was changed.",
                    epilog="SIMS_SYNC_STORE says where the files lie. More in docs/directories.md.",
                    func=lazy_load_command(f"{directories}.forget"),
                    args=(_THE_SCHOOL,),
                ),
            ),
        )
    ]
