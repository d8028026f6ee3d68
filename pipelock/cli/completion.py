"""`pipelock completion`: scripts for shells, made from the table of commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipelock.cli.commands import COMMANDS, GLOBAL_OPTIONS
from pipelock.cli.table import Arguments, Command, Option

__all__ = ["bash", "execute", "fish", "zsh"]


def execute(arguments: Arguments) -> int:
    """Print the script for the named shell."""
    print(_WRITERS[arguments.shell](), end="")
    return 0


def bash() -> str:
    """The script for bash: `source <(pipelock completion bash)`."""
    cases = "\n".join(_bash_case(command) for command in COMMANDS)
    valued = "|".join(flag for option in GLOBAL_OPTIONS for flag in option.flags)
    return f"""\
# bash completion for pipelock
_pipelock() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}" verb="" i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "${{COMP_WORDS[i]}}" in
            {valued}) ((i++)) ;;
            -*) ;;
            *) verb="${{COMP_WORDS[i]}}"; break ;;
        esac
    done
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ "${{COMP_WORDS[i]}}" == -- ]]; then
            if ((i == COMP_CWORD - 1)); then mapfile -t COMPREPLY < <(compgen -c -- "$word"); fi
            return
        fi
    done
    case "$previous" in {valued}) return ;; esac
    case "$verb" in
        "") mapfile -t COMPREPLY < <(compgen -W "{" ".join([*_names(), *_flags(GLOBAL_OPTIONS)])}" -- "$word") ;;
{cases}
    esac
}}
complete -o default -F _pipelock pipelock
"""


def zsh() -> str:
    """The script for zsh: put it on `fpath` as `_pipelock`."""
    verbs = "\n".join(f"        {_quote(f'{command.name}:{command.summary}')}" for command in COMMANDS)
    cases = "\n".join(_zsh_case(command) for command in COMMANDS)
    return f"""\
#compdef pipelock
_pipelock() {{
    local state line
    local -a verbs
    verbs=(
{verbs}
    )
    _arguments -C {" ".join(_zsh_spec(option) for option in GLOBAL_OPTIONS)} '1:command:->verb' '*::argument:->rest'
    case "$state" in
        verb) _describe command verbs ;;
        rest)
            case "$line[1]" in
{cases}
            esac ;;
    esac
}}
compdef _pipelock pipelock
"""


def fish() -> str:
    """The script for fish: `pipelock completion fish | source`."""
    lines = ["# fish completion for pipelock", "complete -c pipelock -f"]
    lines += [_fish_option(option, "") for option in GLOBAL_OPTIONS]
    for command in COMMANDS:
        summary = _quote(command.summary)
        lines.append(f"complete -c pipelock -n __fish_use_subcommand -a {command.name} -d {summary}")
        where = f"-n '__fish_seen_subcommand_from {command.name}' "
        lines += [
            f"complete -c pipelock {where}-a {_quote(' '.join(operand.words))}"
            for operand in command.operands
            if operand.words
        ]
        if any(operand.many for operand in command.operands):
            lines.append(f"complete -c pipelock {where}-F")
        lines += [_fish_option(option, where) for option in command.options]
    return "\n".join(lines) + "\n"


_WRITERS: dict[str, Callable[[], str]] = {"bash": bash, "zsh": zsh, "fish": fish}


def _names() -> list[str]:
    return [command.name for command in COMMANDS]


def _flags(options: Sequence[Option]) -> list[str]:
    return [flag for option in options for flag in option.flags]


def _quote(text: str) -> str:
    """A single-quoted word, understood alike by the three shells: our texts hold neither quotes nor backslashes."""
    return f"'{text}'"


def _bash_case(command: Command) -> str:
    chosen = [option for option in command.options if option.choices]
    # Where the value is free text or a file, an empty answer makes bash fall back to file names.
    free = [flag for option in command.options if option.metavar for flag in option.flags]
    words = [word for operand in command.operands for word in operand.words]
    words += _flags((*command.options, *GLOBAL_OPTIONS))
    words += ["--"] if command.takes_agent else []
    inner = [
        f'                {"|".join(option.flags)}) mapfile -t COMPREPLY < <(compgen -W "{" ".join(option.choices)}"'
        ' -- "$word") ;;'
        for option in chosen
    ]
    if free:
        inner.append(f"                {'|'.join(free)}) ;;")
    inner.append(f'                *) mapfile -t COMPREPLY < <(compgen -W "{" ".join(words)}" -- "$word") ;;')
    body = "\n".join(inner)
    return f'        {command.name})\n            case "$previous" in\n{body}\n            esac ;;'


def _zsh_case(command: Command) -> str:
    specs = [_zsh_spec(option) for option in (*command.options, *GLOBAL_OPTIONS)]
    specs += [
        _quote("*:paths:_files")
        if operand.many
        else _quote(f"{place}:{operand.name}:" + (f"({' '.join(operand.words)})" if operand.words else " "))
        for place, operand in enumerate(command.operands, 1)
    ]
    return f"                {command.name}) _arguments {' '.join(specs)} ;;"


def _zsh_spec(option: Option) -> str:
    text = option.help.replace("[", "(").replace("]", ")").replace(":", " -")
    value = ""
    if option.choices:
        value = f":value:({' '.join(option.choices)})"
    elif option.metavar:
        value = f":{option.metavar}:{'_files' if option.path else ' '}"
    if len(option.flags) == 1:
        return _quote(f"{option.flags[0]}[{text}]{value}")
    # zsh expands the braces into one specification for each spelling, each excluding the other.
    return f"'({' '.join(option.flags)})'{{{','.join(option.flags)}}}{_quote(f'[{text}]{value}')}"


def _fish_option(option: Option, where: str) -> str:
    flags = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags)
    value = ""
    if option.choices:
        value = f" -x -a {_quote(' '.join(option.choices))}"
    elif option.metavar:
        value = " -r -F" if option.path else " -x"
    return f"complete -c pipelock {where}{flags}{value} -d {_quote(option.help)}"
