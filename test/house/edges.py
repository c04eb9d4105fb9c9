"""The walls between the folders: who may include and link whom.

    dialect -> MLIR alone      passes -> dialect      codegen -> dialect, runtime/abi.h      runtime -> nothing of ours
    tools, python, test -> anything, and nobody includes them
"""

import re
import subprocess

from tablegen import ROOT, report

FOLDERS = ["dialect", "passes", "codegen", "runtime", "tools", "python", "test"]
ALLOWED = {
    "dialect": {"dialect"},
    "passes": {"passes", "dialect"},
    "codegen": {"codegen", "dialect"},
    "runtime": {"runtime"},
}
ALLOWED_FILES = {"codegen": {"runtime/abi.h"}}
INCLUDE = re.compile(r'^\s*(?:#\s*)?include\s+["<]([\w./-]+)[">]', re.M)
SOURCES = {".h", ".cpp", ".cu", ".c", ".inc", ".td"}

# What each folder builds, read from its CMake files.
TARGET = re.compile(r"\b(?:add_mlir_library|add_mlir_dialect_library|add_llvm_executable|add_library|add_executable|"
                    r"add_public_tablegen_target|pybind11_add_module)\s*\(\s*(\w[\w-]*)")
LINK = re.compile(r"\b(?:target_link_libraries|mlir_target_link_libraries|add_dependencies)\s*\(([^)]*)\)")
DEPENDS = re.compile(r"\b(?:DEPENDS|LINK_LIBS)\b([^)]*)\)")


def tracked_files():
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode == 0:
        return sorted(ROOT / name for name in done.stdout.split("\0") if name)
    return sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))  # an unpacked archive


def folder_of(path):
    top = path.relative_to(ROOT).parts[0]
    return top if top in FOLDERS else None


def is_allowed(folder, target_folder, name):
    return folder not in ALLOWED or target_folder in ALLOWED[folder] or name in ALLOWED_FILES.get(folder, ())


def included_folder(path, name):
    """The folder of ours that an include names: from the root, or beside the file."""
    top = name.split("/")[0]
    if top in FOLDERS and ((ROOT / name).exists() or name.endswith(".inc")):
        return top
    beside = (path.parent / name).resolve()
    if beside.exists() and beside.is_relative_to(ROOT):
        return folder_of(beside)
    return None


def include_problems(files):
    for path in files:
        folder = folder_of(path)
        if folder not in ALLOWED or path.suffix not in SOURCES:
            continue
        for name in INCLUDE.findall(path.read_text(errors="replace")):
            target = included_folder(path, name)
            if target and not is_allowed(folder, target, name):
                yield f"{path.relative_to(ROOT)} includes {name}; {folder} may include {allowed_text(folder)}"


def allowed_text(folder):
    return ", ".join(sorted(ALLOWED[folder] | ALLOWED_FILES.get(folder, set())))


def link_problems(files):
    scripts = [path for path in files if path.name == "CMakeLists.txt" and folder_of(path)]
    texts = {path: re.sub(r"#.*", "", path.read_text()) for path in scripts}
    owner = {target: folder_of(path) for path, text in texts.items() for target in TARGET.findall(text)}
    for path, text in texts.items():
        folder = folder_of(path)
        for words in LINK.findall(text) + DEPENDS.findall(text):
            for word in re.findall(r"[\w-]+", words):
                target = owner.get(word)
                if target and not is_allowed(folder, target, word):
                    yield f"{path.relative_to(ROOT)} links {word} of {target}; {folder} may link {allowed_text(folder)}"


def main():
    files = [path for path in tracked_files() if path.is_file()]
    report("edges between folders", [*include_problems(files), *link_problems(files)])


if __name__ == "__main__":
    main()
