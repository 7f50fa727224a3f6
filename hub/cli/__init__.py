"""The command `hub`: the composition root, the only place that puts api, gateway and workers together.

Exit status of every command: 0 done, 1 failed, 2 wrong usage, 3 a server did not answer. With `--json` the result is
JSON on standard output, and a failure is `{"error": {"code", "message"}}` on standard error.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import cast

import click

from hub.cli.output import OutputClosed, complain
from hub.exceptions import HubError, Unreachable

DONE, FAILED, USAGE, UNREACHABLE = 0, 1, 2, 3

# Name → module and the line that `hub --help` shows, so that neither help nor a small command imports the servers.
_COMMANDS: dict[str, tuple[str, str]] = {
    "dev": ("hub.cli.dev", "Run everything on this machine, with embedded servers and the demo page."),
    "serve": ("hub.cli.serve", "Run all roles in one process, on configured servers."),
    "api": ("hub.cli.serve", "Run the backend-facing API."),
    "gateway": ("hub.cli.serve", "Run a gateway: WebSocket, SSE and the client's REST calls."),
    "worker": ("hub.cli.serve", "Run the loops that carry out what was accepted."),
    "migrate": ("hub.cli.migrate", "Bring the database to the schema of this release."),
    "project": ("hub.cli.project", "Create, list, show and change projects."),
    "key": ("hub.cli.key", "Create, list and revoke API keys."),
    "send": ("hub.cli.calls", "Send a notification to one person."),
    "listen": ("hub.cli.listen", "Follow one person's inbox as a client does."),
    "sandbox": ("hub.cli.calls", "Show what would have been sent."),
    "timeline": ("hub.cli.calls", "Show everything that happened to a notification."),
    "explain": ("hub.cli.calls", "Say who would get what, when and why, without sending."),
    "dead": ("hub.cli.calls", "List and replay dead letters."),
    "inbound": ("hub.cli.calls", "Hand in a mail that came back."),
    "doctor": ("hub.cli.doctor", "Check the set-up and say what to mend."),
}


class _Commands(click.Group):
    """Imports a command's module when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _ = _COMMANDS[cmd_name]
        return cast(click.Command, getattr(importlib.import_module(module), cmd_name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit status: 0 done, 1 failed, 2 wrong usage, 3 a server did not answer.",
)
@click.version_option(package_name="notification-hub", prog_name="hub")
def hub() -> None:
    """Real-time in-app notification hub: one call, durably in the inbox and on every open screen.

    `hub dev` is the way in.
    """


def run(arguments: Sequence[str]) -> int:
    """Carry out one command and return its exit status; messages go to standard error."""
    as_json = "--json" in arguments
    try:
        status = hub.main(list(arguments), prog_name="hub", standalone_mode=False)
        return status if isinstance(status, int) else DONE
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except click.UsageError as error:
        if as_json:
            complain(error.format_message(), code="usage", as_json=True)
        else:
            error.show()
        return USAGE
    except click.ClickException as error:
        complain(error.format_message(), code="failed", as_json=as_json)
        return FAILED
    except (click.Abort, KeyboardInterrupt):
        complain("Interrupted.", code="interrupted", as_json=as_json)
        return FAILED
    except Unreachable as error:
        complain(str(error), code="unreachable", as_json=as_json)
        return UNREACHABLE
    except HubError as error:
        complain(str(error), code=getattr(error, "code", "failed"), as_json=as_json)
        return FAILED
    except OutputClosed:
        # What Python flushes at exit must not complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


def main() -> None:
    """Entry point of the installed command."""
    # structlog imports rich where it finds it, for tracebacks that we print plainly: a seventh of the time to start.
    sys.modules["rich"] = None  # type: ignore[assignment]
    sys.exit(run(sys.argv[1:]))
