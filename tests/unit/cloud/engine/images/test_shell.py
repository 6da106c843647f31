import posixpath
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.images.image_files import ImageFiles
from cloud.engine.images.installed import Installed
from cloud.engine.images.passed_over import PassedOver
from cloud.engine.images.shell import Shell
from cloud.engine.images.shell_state import State
from cloud.engine.images.shell_words import Lexer, fields
from cloud.errors import InvalidArgument


class Run:
    """Performs lines one after the other on the same files."""

    def __init__(self, root, folder="/w"):
        self.files = ImageFiles(root)
        self.files.make_folder(folder)
        self.folder = folder
        self.installed = Installed()
        self.log = []
        self.passed_over = PassedOver(self.log.append)

    def __call__(self, line, **variables):
        Shell(State(self.files, self.installed, self.passed_over, variables, self.folder)).run(line)
        return self

    @property
    def tree(self):
        root = self.files.root
        return sorted(
            f"/{path.relative_to(root)}" for path in root.rglob("*") if path.is_symlink() or not path.is_dir()
        )

    @property
    def requirements(self):
        return list(self.installed.requirements)


@pytest.fixture
def run(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    return Run(root)


@pytest.mark.parametrize(
    ("line", "tree"),
    [
        ("touch a b", ["/w/a", "/w/b"]),
        ("mkdir -p x/y && cd x/y && touch a; cd .. ; touch b", ["/w/x/b", "/w/x/y/a"]),
        ("(cd /x && touch a); touch b", ["/w/b", "/x/a"]),
        ("{ cd /x; touch a; }; touch b", ["/x/a", "/x/b"]),
        ("bash -c 'cd /x && touch a' && touch b", ["/w/b", "/x/a"]),
        ("touch a && cp a b && mv a c && rm b", ["/w/c"]),
        ("mkdir -m 777 -p d && touch d/a && cp -r d e && cp -r d/. f && mv d g", ["/w/e/a", "/w/f/a", "/w/g/a"]),
        ("mkdir d e && touch d/a && cp -r d e && cp -r d/ e/z", ["/w/d/a", "/w/e/d/a", "/w/e/z/a"]),
        ("touch a.py b.py c && mkdir d && mv *.py d", ["/w/c", "/w/d/a.py", "/w/d/b.py"]),
        ("touch a && ln -s a b && ln -s /none c && ln -sf a c", ["/w/a", "/w/b", "/w/c"]),
        ("true || touch a", []),
        ("false || touch a", ["/w/a"]),
        ("! true || touch a", ["/w/a"]),
        ("true && (false || true) && touch a", ["/w/a"]),
        ("apt-get update && touch a || touch b", ["/w/a"]),
        ('[ "$X" = 1 ] && touch a || touch b', ["/w/b"]),
        ('if [ -f a ]; then touch b; elif [ -z "$X" ]; then touch c; else touch d; fi', ["/w/c"]),
        ("touch a\nif test -f a\nthen rm a\nfi\n", []),
        ("for f in a b; do touch $f.txt; done", ["/w/a.txt", "/w/b.txt"]),
        ("X='a b'; touch $X \"$X\"", ["/w/a", "/w/a b", "/w/b"]),
        ("export X=a Y=b && touch ${X}${Y:-c}${Z:-d}", ["/w/abd"]),
        ("touch ~/a", ["/root/a"]),
        ("touch 'a*' ab && rm 'a*'", ["/w/ab"]),
        ("touch a # && touch b", ["/w/a"]),
        ("touch a \\\n b", ["/w/a", "/w/b"]),
        ("exit 0; touch a", []),
        ("(exit 1) || touch a", ["/w/a"]),
        ("bash -c 'false' || touch a", ["/w/a"]),
        ("(X=a; export Y=b); touch x$X$Y", ["/w/x"]),
        ("touch a && cp a /usr/local/bin && ln -s x /srv", ["/srv/x", "/usr/local/bin/a", "/w/a"]),
        ("touch a b && mv a b /opt/conda/bin", ["/opt/conda/bin/a", "/opt/conda/bin/b"]),
        ("{ touch a; } > /dev/null 2>&1", ["/w/a"]),
        ("sudo -E env A=b touch a", ["/w/a"]),
        ("touch /../../a ../../b", ["/a", "/b"]),
        ("ln -s / up && touch up/a up/../b", ["/a", "/b", "/w/up"]),
        ("touch -- -a && rm -- -a", []),
        ("mkdir d && rmdir d && touch d", ["/w/d"]),
        ("rm -rf / && touch /a", ["/a"]),
        ("touch a && cp a a b 2>/dev/null || true", None),
    ],
)
def test_files(run, line, tree):
    if tree is None:
        with pytest.raises(InvalidArgument, match="is not a directory"):
            run(line)
        return
    run(line)
    assert run.tree == tree
    assert run.passed_over.lines == []


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("echo hello > a", "hello\n"),
        ("echo -n hello > a && echo ' you' >> a", "hello you\n"),
        ("echo 'a\\nb' > a", "a\nb\n"),
        ('echo -e "x\\ty" > a', "x\ty\n"),
        ("printf '%s-%s%%' 1 2 > a", "1-2%"),
        ("echo $V '$V' \"$V\" > a", "1 2 $V 1  2\n"),
        ("echo deb | tee -a a", "deb\n"),
        ("cat <<EOF > a\nx $V\nEOF\n", "x 1  2\n"),
        ("cat > a <<'EOF'\nx $V\nEOF", "x $V\n"),
        ("cat <<-E > a\n\tx\n\tE\n", "x\n"),
        ("echo one > b; echo two > c; cat b c > a", "one\ntwo\n"),
        ("cat <<< text > a", "text\n"),
        ("> a", ""),
    ],
)
def test_text_in_files(run, line, text):
    run(line, V="1  2")
    assert run.files.read_text("/w/a") == text
    assert run.passed_over.lines == []


@pytest.mark.parametrize(
    ("line", "requirements"),
    [
        ("pip install fire", ["fire"]),
        ("pip3 install -qU --user --no-cache-dir 'fire>=0.4' \"pandas[x]==1\"", ["fire>=0.4", "pandas[x]==1"]),
        ("python -m pip install fire && python3.9 -u -m pip --no-cache-dir install a", ["fire", "a"]),
        ("pip --default-timeout 100 install fire", ["fire"]),
        ("uv pip install --system fire", ["fire"]),
        ("mkdir p && touch p/pyproject.toml && uv pip install -r p/pyproject.toml", ["/w/p"]),
        ("/opt/conda/bin/pip install fire", ["fire"]),
        ("yes | pip install fire", ["fire"]),
        ("X=1 pip install fire", ["fire"]),
        ("pip install --upgrade pip setuptools wheel fire", ["fire"]),
        ("pip install fire==1 && pip install fire", ["fire==1"]),
        ("pip install fire==1 && pip install Fire==2", ["Fire==2"]),
        ("pip install fire==1 && pip install -U fire", ["fire"]),
        ("pip install fire && pip uninstall -y fire", []),
        ("pip install $P", ["a", "b"]),
        ("pip install git+https://github.com/a/b.git#egg=b", ["git+https://github.com/a/b.git#egg=b"]),
        ("pip install -e git+https://a/b", ["git+https://a/b"]),
        ("pip install https://a/b.whl 'c @ https://a/c.whl'", ["https://a/b.whl", "c @ https://a/c.whl"]),
        ("pip install .", ["/w"]),
        ("pip install -e '.[gpu]' ../w", ["/w[gpu]", "/w"]),
        ("mkdir p dist && touch dist/a.whl && pip install ./p dist/*.whl", ["/w/p", "/w/dist/a.whl"]),
        ("python setup.py install", ["/w"]),
        ("echo fire > r.txt && pip install -r r.txt", ["fire"]),
        ("mkdir d; echo '-r b.txt' > d/a.txt; echo fire > d/b.txt; pip install -rd/a.txt", ["fire"]),
        ("echo fire==1 > c.txt && pip install -c c.txt 'fire>0' pandas", ["fire==1,>0", "pandas"]),
        ("pip wheel --no-deps -w /wheels fire", ["fire"]),
        ("pip install --target=/lib -t /x fire", ["fire"]),
        ("pip install fire; pip list; pip freeze; pip check", ["fire"]),
        ("pip install fire || true", ["fire"]),
        ("if [ 1 = 1 ]; then pip install fire; fi", ["fire"]),
        ("for p in a b; do pip install $p; done", ["a", "b"]),
        ("pip install 'fire; python_version < \"3\"'", ['fire; python_version < "3"']),
    ],
)
def test_requirements(run, line, requirements):
    run(line, P="a b")
    assert run.requirements == requirements
    assert run.passed_over.lines == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("apt-get install -y libgl1", "system packages are this machine's"),
        ("apt install -y r-base", "system packages are this machine's"),
        ("DEBIAN_FRONTEND=noninteractive apt-get -y install x", "system packages are this machine's"),
        ("wget -q https://example.com/a", "there is no network while an image is built"),
        ("git clone https://example.com/a", "there is no network while an image is built"),
        ("gsutil cp gs://b/a .", "there is no network while an image is built"),
        ("conda install -y x", "there is no network while an image is built"),
        ("python train.py", "programs are not run while an image is built"),
        ("python -c 'import nltk'", "programs are not run while an image is built"),
        ("./install.sh", "programs are not run while an image is built"),
        ("ls > a", "programs are not run while an image is built"),
        ("cp none a", "the image has no such file here"),
        ("chmod +x none", "the image has no such file here"),
        ("while true; do x; done", "of a shell's language only plain commands are followed"),
        ("f() { x; }", "of a shell's language only plain commands are followed"),
        ("case $x in a) y;; esac", "of a shell's language only plain commands are followed"),
        ("{ echo a; echo b; } > c", "of a shell's language only plain commands are followed"),
        ("echo 'a", "of a shell's language only plain commands are followed"),
        ("if dpkg -s x; then apt remove x; fi", "what it depends on is not known here"),
        ("touch $(ls)", "what it depends on is not known here"),
        ("pip install -r https://x/r.txt", "there is no network while an image is built"),
        ("pip search fire", "there is no network while an image is built"),
    ],
)
def test_what_is_passed_over(run, line, reason):
    run(line)
    assert run.passed_over.lines == [f"RUN {line}"]
    assert run.log[0] == f" ---> passed over: RUN {line} ({reason})"


def test_a_tool_among_requirements_is_passed_over_alone(run):
    """The log does not say of the whole line that it had no effect."""
    run("printf 'pip==22.0.4\\nfire==1\\n' > r.txt && pip install -r r.txt")
    assert run.log == [
        " ---> passed over: pip==22.0.4 (a job gets an environment of its own)",
        " ---> to be installed: fire==1",
    ]
    run("pip install --upgrade pip")
    assert run.log[2:] == [" ---> passed over: RUN pip install --upgrade pip (a job gets an environment of its own)"]


@pytest.mark.parametrize(
    "line",
    [
        "apt-get update -y",
        "apt-get clean",
        "curl https://packages.cloud.google.com/apt/doc/apt-key.gpg | apt-key add -",
        "curl https://packages.cloud.google.com/apt/doc/apt-key.gpg | sudo apt-key add -",
        "ls -la /x",
        "pip list | grep tensor",
        "python --version",
        "git --version",
        "conda clean -a",
        "python -m venv /venv",
        "pip install --upgrade pip",
        "echo $(date)",
        "useradd me",
        "ldconfig 2> /dev/null",
        "cat /etc/os-release",
        ". /venv/bin/activate",
        "find / -name x",
    ],
)
def test_what_is_not_missed(run, line):
    run(line)
    assert run.passed_over.lines == []
    assert all(entry.startswith(" ---> passed over: RUN ") for entry in run.log)
    assert run.log or line.startswith("pip list")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("false", "non-zero code"),
        ("exit 1", "non-zero code"),
        ("[ -n '' ]", "non-zero code"),
        ("touch a && false", "non-zero code"),
        ("pip install -r none.txt", "no such file or directory in the image: '/w/none.txt'; COPY it"),
        ("pip install 'a b'", "invalid requirement"),
        ("pip install -r", "-r option requires 1 argument"),
        ("pip instal fire", "pip: unknown command 'instal' - maybe you meant 'install'"),
        ("echo '-r a' > a && pip install -r a", "name each other"),
        ("mkdir a && cp -r a a/b", "into itself"),
        ("mkdir a && mv a a/b", "to a subdirectory of itself"),
        ("touch a b && ln a b", "File exists"),
        ("mkdir d && echo x > d", "Is a directory"),
        ("cp a", "missing destination"),
        ("ln -s", "missing file operand"),
        ("touch a && mkdir a", "Not a directory"),
        ("ln -s x x && cat x/y > z", "Too many levels"),
        ("echo ${X!}", "bad substitution"),
    ],
)
def test_what_fails(run, line, why):
    with pytest.raises(InvalidArgument, match=why):
        run(line)


def test_what_may_be_in_files_that_are_not_here_is_passed_over(run):
    run("git clone https://example.com/a")("pip install -r a/requirements.txt")("pip install fire ./a")
    assert run.requirements == ["fire"]
    assert run.passed_over.lines == [
        "RUN git clone https://example.com/a",
        "RUN pip install -r a/requirements.txt",
        "RUN pip install fire ./a",
    ]


def test_another_index_is_passed_over_and_the_names_are_installed(run):
    run("pip install -i https://me:secret@x/simple --extra-index-url=https://y -f z --trusted-host x fire")
    assert run.requirements == ["fire"]
    assert run.passed_over.lines == [
        "pip install --index-url https://x/simple",
        "pip install --extra-index-url https://y",
        "pip install --find-links z",
    ]
    assert "secret" not in "".join(run.log)


def test_what_a_program_prints_is_not_known_until_it_is_set(run):
    run("V=$(cat x)\ntouch a$V\nV=b\ntouch a$V")
    assert run.tree == ["/w/ab"]
    assert run.passed_over.lines == ["RUN V=$(cat x)", "RUN touch a$V"]


def test_the_same_line_is_noted_once(run):
    run("wget x; wget x")
    assert run.passed_over.lines == ["RUN wget x"]


def test_modes(run):
    run("touch a b && chmod +x a && chmod 755 b && chmod a-x,u+w b")
    assert [path.stat().st_mode & 0o777 for path in (run.files.real("/w/a"), run.files.real("/w/b"))] == [0o755, 0o644]


@given(st.text(alphabet="ab $'\"\\\n;&|<>(){}*~#=-", max_size=40))
def test_any_line_is_performed_or_passed_over(tmp_path_factory, text):
    root = tmp_path_factory.mktemp("root")
    outside = sorted(root.parent.iterdir())
    with suppress(InvalidArgument):
        Run(root)(text)
    assert sorted(root.parent.iterdir()) == outside


@given(st.lists(st.text(alphabet="ab $'\"\\;&|<>(){}*~#=-\n"), max_size=5))
def test_quoted_words_are_themselves(words):
    quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)
    assert [field.text for token in Lexer(quoted).tokens() for field in fields(token.word, {})] == words


@given(st.lists(st.sampled_from(["..", ".", "a", "up", "self", "abs"]), max_size=8))
def test_no_path_leads_outside(tmp_path_factory, names):
    root = tmp_path_factory.mktemp("root")
    (root / "up").symlink_to("../../..")
    (root / "self").symlink_to("self")
    (root / "abs").symlink_to("/")
    (root / "a").mkdir()
    files = ImageFiles(root)
    try:
        real = files.real(posixpath.join("/", *names))
    except InvalidArgument:
        assert "self" in names
        return
    assert real == root or root in real.parents
    assert not real.is_symlink()
