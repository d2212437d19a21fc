"""What Environment Modules and the shell say of modules that cannot be loaded."""

from __future__ import annotations

from workshop.record.readers.ending import IN_THE_SETUP, SHELL, Rule, Telling

ANOTHER_MODULE = (
    "'module avail {name}' lists what there is: name the right one in the cluster's description"
)
# The modules of a description are loaded before its setup.
UNLOAD = (
    "'module unload {name}' in the shell before you submit; or load the modules in "
    f"{IN_THE_SETUP}, with 'module unload {{name}}' or 'module purge' before them"
)
LOAD_FIRST = "put {name} before it in the modules of the cluster's description"

MODULES = (
    Rule(
        Telling.CAUSE,
        r"(?:ModuleCmd_Load\.c\(\d+\):)?ERROR:(?:105:)? Unable to locate a modulefile for "
        r"'(?P<name>[^']+)'",
        "the module {name} is not there",
        ANOTHER_MODULE,
    ),
    Rule(
        Telling.CAUSE,
        r"Module ERROR: (?P<why>.+)",
        "a module is broken: {why}",
        "take another version of it, and report it to your support",
    ),
    Rule(
        Telling.CAUSE,
        r'HINT: Might try "module unload (?P<name>[^"]+)" first\.',
        "a module cannot be loaded beside {name}, which is loaded",
        UNLOAD,
    ),
    Rule(
        Telling.VAGUE,
        r"ERROR: Module cannot be loaded due to a conflict\.",
        "a module cannot be loaded beside another that is loaded",
        f"put 'module purge' before it in {IN_THE_SETUP}",
    ),
    Rule(
        Telling.CAUSE,
        r"HINT: the following modules? must be loaded first: (?P<name>.+)",
        "a module needs {name}, which is not loaded",
        LOAD_FIRST,
    ),
    Rule(
        Telling.CAUSE,
        r"HINT: at least one of the following modules must be loaded first: (?P<name>.+)",
        "a module needs another, such as {name}, and none of those is loaded",
        LOAD_FIRST,
    ),
    Rule(
        Telling.VAGUE,
        r"ERROR: Module cannot be loaded due to missing prereq\.",
        "a module needs another that is not loaded",
        "put the other before it in the modules of the cluster's description",
    ),
    Rule(
        Telling.CAUSE,
        r"ERROR: Access to module '?(?P<name>[^' ]+)'? is denied",
        "the module {name} may not be used: access to it is denied",
        "ask the cluster's support for access, or name another in the cluster's description",
    ),
    Rule(
        Telling.VAGUE,
        r"ERROR: Module evaluation aborted",
        "a module refused to be loaded",
        "the lines before it in the log may say why; else ask the cluster's support",
    ),
    Rule(
        Telling.CAUSE,
        SHELL + r"module: (?:command )?not found",
        "there is no 'module' command on the node",
        "add the line that defines it, such as 'source /etc/profile', to the setup in the "
        "cluster's description, or leave the modules out",
    ),
)
