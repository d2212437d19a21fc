"""``workshop report``."""

from __future__ import annotations

from pathlib import Path

import click

DEFAULT_OUTPUT = Path("report.html")


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=DEFAULT_OUTPUT,
    help=f"File to write.  [default: {DEFAULT_OUTPUT}]",
)
def report(files: tuple[Path, ...], output: Path) -> None:
    """Write one HTML file from the logs FILES: figures, table, texts, records.

    It opens in any browser, offline, and contains the records, so 'workshop results' can read it
    back. Failed runs are listed with the reason. An existing report is overwritten; any other
    file is not.
    """
    import datetime

    from workshop.cli.log_notes import note
    from workshop.figures.caption import warnings_for
    from workshop.record.readers import read_logs
    from workshop.report.drawings import drawings
    from workshop.report.page import page
    from workshop.report.runs import named
    from workshop.report.view import view
    from workshop.util import files as whole

    check_target(output)
    note(files)
    readings = read_logs(files)
    results = [reading.result for reading in readings]
    made = view(
        named([reading.path.name for reading in readings], results),
        drawings(results),
        warnings_for(results),
        datetime.datetime.now(datetime.UTC),
    )
    try:
        whole.write(output, page(made).encode())
    except OSError as error:
        raise click.ClickException(f"cannot write {output}: {error.strerror or error}") from None
    click.echo(output)


def check_target(target: Path) -> None:
    """Make sure that a report can be written there, and nothing of the user's over; UsageError."""
    from workshop.record.readers.html import is_ours
    from workshop.util.errors import UsageError

    if not target.parent.is_dir():
        raise UsageError(f"there is no folder {target.parent} to write {target.name} in")
    if target.is_dir():
        raise UsageError(f"{target} is a folder, not a file")
    if not target.exists():
        return
    try:
        with target.open(encoding="utf-8", errors="replace") as file:
            ours = is_ours(file.read(4096))
    except OSError as error:
        raise UsageError(f"cannot read {target}: {error.strerror or error}") from None
    if not ours:
        raise UsageError(
            f"{target} is there, and it is not a report of the workshop's: "
            "move it, or have the report elsewhere (report FILES -o FILE)"
        )
