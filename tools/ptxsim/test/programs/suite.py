"""Runs programs of the corpus on ptxsim; what programs.py and mutants.py share. Standard library only."""
import argparse
import concurrent.futures
import os
import re
import subprocess
import time


class Suite:
    """Where things are: the build folder has bin/ptxsim-programs, lib/ptxsim and the PTX."""

    def __init__(self, build, timeout=120):
        self.runner = self.find(build, "bin/ptxsim-programs")
        self.library = self.find(build, "lib/ptxsim")
        self.ptx = self.find(build, "test/programs/ptx", "tools/ptxsim/test/programs/ptx", "programs/ptx")
        self.timeout = timeout

    @staticmethod
    def find(build, *choices):
        for choice in choices:
            if os.path.exists(os.path.join(build, choice)):
                return os.path.join(build, choice)
        raise SystemExit(f"{build} has none of {', '.join(choices)}; build ptxsim-driver, ptxsim-programs and ptxsim-program-faults")

    def programs(self):
        """Name -> least architecture (80 or 90)."""
        lines = subprocess.run([self.runner, "--list"], check=True, capture_output=True, text=True).stdout.splitlines()
        return {name: int(least) for name, least in (line.split() for line in lines)}

    def run(self, program, architecture, checks="all", seed=None, fault=0, ptx=None):
        """One run: (outcome, text). The outcome is "clean", or what killed it: checks, "value", "time", "crash"."""
        environment = dict(os.environ, LD_LIBRARY_PATH=self.library, PTXSIM_PROGRAM_DIR=self.ptx, PTXSIM_ARCH=architecture,
                           PTXSIM_CHECKS=checks, PTXSIM_ON_FINDING="fail", PTXSIM_TIME_LIMIT=str(max(self.timeout // 2, 1)))
        environment.pop("PTXSIM_SEED", None)
        if seed is not None:
            environment["PTXSIM_SEED"] = str(seed)
        if ptx:
            environment["PTXSIM_PROGRAM_PTX"] = ptx
        command = [self.runner, program] + (["--fault", str(fault)] if fault else [])
        try:
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=self.timeout)
        except subprocess.TimeoutExpired as expired:
            return "time", (expired.stdout or b"").decode(errors="replace")
        text = done.stdout.decode(errors="replace")
        found = sorted(set(re.findall(r"^error\[([a-z]+)\]", text, re.M)))
        if done.returncode < 0 or done.returncode > 1:
            return f"crash {done.returncode}", text
        if found:
            return "+".join(found), text
        return ("clean" if done.returncode == 0 else "value"), text

    def kill(self, seeds, *arguments, **keywords):
        """Runs under one seed after the other until it is killed: (outcome, seed or None, text)."""
        text = ""
        for seed in seeds:
            outcome, text = self.run(*arguments, seed=seed, **keywords)
            if outcome != "clean":
                return outcome, seed, text
        return "survived", None, text


def argumentParser(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--build", required=True, help="the build folder")
    parser.add_argument("--seeds", type=int, default=16, help="schedules at most (default: 16)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs side by side (default: the cores)")
    parser.add_argument("--only", default="", help="a regular expression for the rows to run")
    parser.add_argument("--verbose", action="store_true", help="what the program printed, for rows that fail")
    return parser


def forAll(rows, work, jobs):
    """Yields (row, work(row), seconds) in the order of the rows."""

    def timed(row):
        start = time.time()
        return row, work(row), time.time() - start

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(timed, rows)
