"""Builds the extension modules with CMake, in the project's own build directory: what is built there is not built again."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("MOTLEY_BUILD_DIR", ROOT / "build")).resolve()


class CMakeBuild(build_ext):
    """Configure where nothing is configured yet, build the target motley-python, and copy the modules."""

    def run(self):
        if not (BUILD / "CMakeCache.txt").exists():
            self._configure()
        subprocess.run(["cmake", "--build", str(BUILD), "--target", "motley-python"], check=True)
        for extension in self.extensions:
            target = Path(self.get_ext_fullpath(extension.name))
            built = BUILD / "python" / target.name
            if not built.exists():
                sys.exit(
                    f"error: {BUILD} has no {built.name}: it was configured for another Python or without pybind11; "
                    f"delete it or set MOTLEY_BUILD_DIR"
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(built, target)

    def _configure(self):
        options = [f"-DPython_EXECUTABLE={sys.executable}"]
        if shutil.which("clang++-22"):
            options += ["-DCMAKE_C_COMPILER=clang-22", "-DCMAKE_CXX_COMPILER=clang++-22"]
        if shutil.which("ninja"):
            options += ["-G", "Ninja"]
        subprocess.run(["cmake", "-S", str(ROOT), "-B", str(BUILD), *options], check=True)


setup(
    ext_modules=[Extension("_motley", []), Extension("_motley_compiler", [])],
    cmdclass={"build_ext": CMakeBuild},
    options={"build": {"build_base": str(BUILD / "pip")}},
)
