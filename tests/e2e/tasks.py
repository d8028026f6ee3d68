"""What developers' programs do all day, as shell lines for a folder of their own each, and what they say at the end.

Variables: `$PY` our interpreter, `$UV` uv, `$REGISTRY` the origin of `Registries`, `$REPOSITORY` its repository, `$SSH` one
behind an SSH server, `$KEYS` what its client needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["AGAIN", "TASKS", "Task", "lay_out"]

PATIENCE = 50
"""Seconds that a task may take."""


@dataclass(frozen=True)
class Task:
    """One thing to do.

    Attributes:
        lines: For `sh -e`.
        says: What is in their output if all went well.
        needs: Programs on PATH.
        everybody: Whether an ordinary user does it, too, where root runs the tests.
        files: Made in the folder before.
    """

    lines: str
    says: str
    needs: tuple[str, ...] = ()
    everybody: bool = False
    files: tuple[tuple[str, str], ...] = ()


_PYTHON = """
import asyncio, mmap, os, signal, socket, sqlite3, subprocess, sys, tempfile, threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import shared_memory


async def child():
    process = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
    return (await process.communicate(b"piped"))[0].decode()


if __name__ == "__main__":
    with ThreadPoolExecutor(8) as threads, ProcessPoolExecutor(2) as processes:
        print(sum(threads.map(abs, range(-9, 1))), sum(processes.map(abs, range(-9, 1))))
    print(asyncio.run(child()))
    memory = shared_memory.SharedMemory(create=True, size=100)
    memory.close()
    memory.unlink()
    mmap.mmap(-1, 1 << 20, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    with sqlite3.connect("data.db") as database:
        print(*database.execute("pragma journal_mode=wal").fetchone())
        database.execute("create table t (a)")
    server = socket.socket(socket.AF_UNIX)
    server.bind("here.sock")
    server.listen()
    socket.socket(socket.AF_UNIX).connect("here.sock")
    with tempfile.NamedTemporaryFile(dir=".") as file:
        os.utime(file.name, (1, 1))
        os.fsync(file.fileno())
        os.nice(1)
    done = threading.Event()
    signal.signal(signal.SIGALRM, lambda *_: done.set())
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    print("woken", done.wait(30))
"""

_NODE = """
const {Worker} = require('worker_threads'), cluster = require('cluster'), http = require('http'), fs = require('fs');
if (!cluster.isPrimary) {
  http.createServer((_, answer) => answer.end('from a child')).listen(3456);
} else (async () => {
  const thread = new Worker('require("worker_threads").parentPort.postMessage("thread")', {eval: true});
  console.log(await new Promise((heard) => thread.once('message', heard)));
  console.log(require('child_process').execSync('echo shell').toString().trim());
  const changed = new Promise((heard) => fs.watch('.', (_, name) => name === 'new' && heard(name)));
  fs.writeFileSync('new', 'x');
  console.log('saw', await changed);
  cluster.on('exit', () => process.exit(1)).fork();
  await new Promise((heard) => cluster.once('listening', heard));
  console.log(await (await fetch('http://localhost:3456/')).text());
  console.log(await (await fetch(process.env.REGISTRY + '/by-node')).text());
  process.exit(0);
})();
"""

_PAGE = "<!doctype html><title>t</title><script>document.title = 'made by ' + [6, 7].map((n) => n * 2)</script>"

_CARGO_MANIFEST = """
[package]
name = "app"
version = "0.1.0"
edition = "2021"
[dependencies]
tiny = {version = "1", registry = "here"}
[profile.dev]
debug = false
"""

_NPM = "npm install --no-audit --no-fund --no-update-notifier --loglevel=error"
_SSH_OPTIONS = (
    "-F /dev/null -i $KEYS/client -o IdentitiesOnly=yes -o BatchMode=yes"
    " -o UserKnownHostsFile=$KEYS/known -o GlobalKnownHostsFile=/dev/null"
)

TASKS: dict[str, Task] = {
    "python": Task("$PY all.py", "45 45\npiped\nwal\nwoken True", (), True, (("all.py", _PYTHON),)),
    "pip": Task(
        # Putting a pip into the environment costs seconds; ours works on it.
        "$PY -m venv --without-pip v\n"
        "$PY -m pip --python v/bin/python install -q --disable-pip-version-check --no-deps"
        " --index-url $REGISTRY/simple/ tiny==1.0\n"
        "v/bin/python -c 'import tiny; print(tiny.ANSWER)'",
        "42",
    ),
    "uv": Task(
        "$UV venv -q --python $PY v\n"
        "$UV pip install -q --no-deps --python v/bin/python --index-url $REGISTRY/simple/ tiny==1.0\n"
        "v/bin/python -c 'import tiny; print(tiny.ANSWER)'",
        "42",
        everybody=True,
    ),
    "node": Task(
        "node all.js",
        "thread\nshell\nsaw new\nfrom a child\nhello from the origin",
        ("node",),
        True,
        (("all.js", _NODE),),
    ),
    "npm": Task(
        f"test ! -e ~/.npm\n{_NPM} --registry=$REGISTRY/ tiny\nnpm run -s hello",
        "tiny says 2",
        ("npm", "node"),
        True,
        (("package.json", '{"name": "app", "version": "1.0.0", "scripts": {"hello": "tiny"}}'),),
    ),
    "git": Task(
        "git clone -q $REPOSITORY one\n"
        "cd one\n"
        "git checkout -q -b $USER\n"
        "echo text > file\n"
        "git add -A\n"
        "git commit -q -m 'a file'\n"
        "git push -q origin $USER\n"
        "git worktree add -q ../beside HEAD\n"
        "git gc -q\n"
        "git fetch -q\n"
        "git -C ../beside log --format=%s origin/$USER",
        "a file",
        ("git",),
        True,
    ),
    "repository": Task(
        # The workspace is one: its settings and hooks are read only.
        "git checkout -q -b topic\n"
        "git add file\n"
        "git commit -q -m 'in the workspace' -- file\n"
        "echo more >> file\n"
        "git stash -q\n"
        "git checkout -q -\n"
        "git merge -q --ff-only topic\n"
        "git stash pop -q\n"
        "git checkout -q topic -- file\n"
        "git log --format=%s -1\n"
        "git push -q -u . HEAD:refs/heads/copy\n"
        "git config x.y z || echo kept",
        "in the workspace\nkept",
        ("git",),
        files=(("file", "text\n"),),
    ),
    "git-over-ssh": Task(
        f'export GIT_SSH_COMMAND="$GIT_SSH_COMMAND {_SSH_OPTIONS}"\n'
        "git clone -q $SSH one\n"
        "cd one\n"
        "git checkout -q -b main\n"
        "git commit -q --allow-empty -m 'by ssh'\n"
        "git push origin main 2>&1",
        "[new branch]      main -> main",
        ("git", "ssh", "sshd"),
    ),
    "cargo": Task(
        "cargo run -q",
        "the answer is 42",
        ("cargo",),
        files=(
            ("Cargo.toml", _CARGO_MANIFEST),
            (".cargo/config.toml", '[registries.here]\nindex = "sparse+{REGISTRY}/crates/"\n'),
            ("src/main.rs", 'fn main() { println!("the answer is {}", tiny::answer()) }\n'),
        ),
    ),
    "make": Task(
        "make -s -j2",
        "made by cc",
        ("make", "cc"),
        files=(
            ("Makefile", "all: hello\n\t./hello\nhello: hello.c\n\tcc -o hello hello.c\n"),
            ("hello.c", '#include <stdio.h>\nint main(void) { return puts("made by cc") < 0; }\n'),
        ),
    ),
    "tar": Task(
        "mkdir -p in/deep out\n"
        "echo text > in/deep/file\n"
        "ln -s deep/file in/link\n"
        "chmod 640 in/deep/file\n"
        # Of somebody else, as what is downloaded mostly is.
        "tar czf all.tgz --owner=4711 --group=4711 --mtime=@1000000000 in\n"
        "tar xzpf all.tgz -C out\n"
        "cp -r --preserve=mode,timestamps,links out/in copied\n"
        "stat -c '%a %Y' copied/deep/file\n"
        "cat copied/link",
        "640 1000000000\ntext",
        ("tar",),
    ),
    "curl": Task(
        "head -c 3000000 /dev/urandom > up\n"
        "curl -sSf -T up $REGISTRY/up\n"
        "curl -sSf --noproxy '*' $REGISTRY/by-the-kernel",
        "hello from the origin\nhello from the origin",
        ("curl",),
        True,
    ),
    "servers": Task(
        # What a developer starts here is reached here, by every name of this machine.
        "$PY -m http.server 8123 > log 2>&1 &\n"
        "until curl -sf -o /dev/null http://127.0.0.1:8123/; do kill -0 $!; sleep 0.05; done\n"
        "curl -sSf http://localhost:8123/page\n"
        "kill $!\n"
        "wait $! || echo $?",
        "served\n143",
        ("curl",),
        files=(("page", "served\n"),),
    ),
    "shell": Task(
        "mkfifo pipe\n"
        "(flock lock echo through the pipe > pipe) &\n"
        "cat pipe\n"
        "wait\n"
        "(ulimit -n 512; ulimit -n)\n"
        "nice -n 5 setsid sh -c 'echo apart'\n"
        "script -qec 'tty > /dev/null && stty -echo && echo on a terminal' /dev/null",
        "through the pipe\n512\napart\non a terminal",
        ("script", "flock", "setsid"),
    ),
    "chromium": Task(
        "$PY -m http.server 8124 > log 2>&1 &\n"
        "until curl -sf -o /dev/null http://127.0.0.1:8124/; do kill -0 $!; sleep 0.05; done\n"
        "timeout 40 chromium --headless --no-sandbox --disable-gpu --dump-dom http://localhost:8124/page.html 2> said\n"
        "kill $!",
        "<title>made by 12,14</title>",
        ("chromium", "curl"),
        files=(("page.html", _PAGE),),
    ),
}

AGAIN: dict[str, Task] = {
    "cargo": Task("cargo clean -q\ncargo run -q --offline", "the answer is 42", ("cargo",)),
    "uv": Task(
        "$UV venv -q --clear --python $PY v\n"
        "$UV pip install -q --offline --no-deps --python v/bin/python --index-url $REGISTRY/simple/ tiny==1.0\n"
        "v/bin/python -c 'import tiny; print(tiny.ANSWER)'",
        "42",
    ),
    "npm": Task("test ! -e ~/.npm\nnpm run -s hello", "tiny says 2", ("npm", "node")),
}
"""What can be done a second time in the same workspace, without a network where it was kept."""


def lay_out(workspace: Path, tasks: dict[str, Task], registry: str, run: str = "run") -> list[str]:
    """Make the folders and the script `RUN.sh` there, which leaves `TASK/OUTPUT` and `TASK/CODE` named by `run`.

    Returns:
        The script's command line.
    """
    lines = []
    for name, task in tasks.items():
        folder = workspace / name
        folder.mkdir(exist_ok=True)
        for path, text in task.files:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text.replace("{REGISTRY}", registry))
        (folder / f"{run}.sh").write_text(f"{task.lines}\n")
        lines.append(f"(cd {name} && timeout {PATIENCE} sh -e {run}.sh > {run}.out 2> {run}.err; echo $? > {run}.code)")
    (workspace / f"{run}.sh").write_text("\n".join([*lines, ""]))
    return ["sh", f"{run}.sh"]
