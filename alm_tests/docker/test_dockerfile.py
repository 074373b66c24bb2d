import re
import subprocess
import tomllib
from pathlib import Path

from alm_tests.docker.deployment import DOCKER, ROOT

DOCKERFILE = (DOCKER / "Dockerfile").read_text()
INSTRUCTIONS = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE)).splitlines()


def stage(name: str) -> list[str]:
    start = next(i for i, line in enumerate(INSTRUCTIONS) if re.fullmatch(rf"FROM \S+ AS {name}", line))
    following = [i for i, line in enumerate(INSTRUCTIONS) if line.startswith("FROM ") and i > start]
    return INSTRUCTIONS[start : following[0] if following else None]


def instructions(name: str, keyword: str) -> list[str]:
    return [line for line in stage(name) if line.startswith(f"{keyword} ")]


def test_every_base_image_is_an_argument_with_an_exact_version() -> None:
    defaults = dict(re.findall(r"^ARG (\w+_IMAGE)=(\S+)$", DOCKERFILE, flags=re.MULTILINE))
    assert set(defaults) == {"PYTHON_IMAGE", "OPENOBSERVE_IMAGE", "BUSYBOX_IMAGE"}
    for image in defaults.values():
        assert re.search(r":v?\d+\.\d+\.\d+", image), image
        assert "latest" not in image
    stages = {line.split()[-1] for line in INSTRUCTIONS if line.startswith("FROM ")}
    for line in INSTRUCTIONS:
        if line.startswith("FROM "):
            source = line.split()[1]
            assert source in stages or source.strip("${}") in defaults


def test_both_images_end_as_a_numbered_user_that_is_not_root() -> None:
    for name in ("runtime", "openobserve"):
        assert instructions(name, "USER")[-1] == "USER 10001:10001"
        after_user = stage(name)[stage(name).index("USER 10001:10001") :]
        assert not [line for line in after_user if line.startswith(("RUN", "COPY", "ADD"))]


def test_both_images_have_a_health_check_and_an_entry_point_that_reads_secret_files() -> None:
    for name in ("runtime", "openobserve"):
        assert len(instructions(name, "HEALTHCHECK")) == 1
        assert len(instructions(name, "ENTRYPOINT")) == 1


def test_dependencies_come_from_the_lock_and_need_no_compiler() -> None:
    sync = next(line for line in instructions("build", "RUN") if "uv sync" in line)
    assert {"--frozen", "--no-dev", "--no-build"} <= set(sync.split())
    for tool in re.findall(r"(\S+)==", " ".join(instructions("build", "RUN"))):
        assert tool in {"uv", "hatchling"}
    assert any("-m compileall" in line for line in instructions("build", "RUN"))


def test_the_final_image_has_no_build_tool_and_no_package_cache() -> None:
    runs = " ".join(instructions("runtime", "RUN"))
    assert "pip uninstall" in runs
    assert not re.search(r"apt-get|apk |pip install|\buv\b|gcc|build-essential|curl", runs)
    for line in INSTRUCTIONS:
        if "apt-get install" in line:
            assert "rm -rf /var/lib/apt/lists" in line
        if "pip install" in line and not line.startswith("#") and "uv pip" not in line:
            assert "--no-cache-dir" in line


def test_nothing_in_the_image_description_is_a_secret_or_spends_money() -> None:
    variables = dict(re.findall(r"(\w+)=(\S+)", " ".join(line for line in INSTRUCTIONS if line.startswith("ENV"))))
    assert variables["ALM_MODE"] == "paper"
    assert "ALM_LIVE" not in variables
    assert not [name for name in variables if re.search(r"PASSWORD|SECRET|TOKEN", name)]
    assert not any(line.startswith("ADD ") for line in INSTRUCTIONS)


def test_every_package_of_the_wheel_is_copied_into_the_build() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    copied = " ".join(instructions("build", "COPY"))
    assert [package for package in packages if f"COPY {package} {package}" not in copied] == []


def test_the_build_context_is_an_allow_list_with_everything_that_is_copied() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    assert not [path for path in allowed if "secret" in path or path == "docker" or ".env" in path]
    for line in INSTRUCTIONS:
        if line.startswith("COPY ") and "--from=" not in line:
            sources = [word for word in line.split()[1:-1] if not word.startswith("--")]
            assert set(sources) <= allowed
            assert all((ROOT / source).exists() for source in sources)


def test_no_file_of_the_deployment_contains_a_secret() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "docker"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    names = listed.stdout.split() or [str(p.relative_to(ROOT)) for p in DOCKER.iterdir() if p.is_file()]
    assert not [name for name in names if Path(name).name == ".env" or "/secrets/" in name]
    for name in names:
        text = (ROOT / name).read_text()
        assert not re.search(r"\b(0x)?[0-9a-fA-F]{48,}\b", text), name
        assert not re.search(r"(?i)password\s*[=:]\s*[\"']?[A-Za-z0-9+/#!]{6,}[\"']?\s*$", text, flags=re.MULTILINE), (
            name
        )
