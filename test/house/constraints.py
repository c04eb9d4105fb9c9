"""Follows every numbered constraint of an operation's description to its check and its test.

Constraint Cn of operation `op` has the tag /*op_cn*/ at its check in dialect/*.cpp, and a negative test in
test/dialect/*-errors.mlir: on a symbol that starts with @op_cn, or under a comment that is the tag alone. A constraint that can be seen only when the program runs says so
in its text, "C2 (when it runs): ..."; the oracle tests it.
"""

import re

from tablegen import ROOT, read_operations, report


def main():
    checks = "\n".join(path.read_text() for path in sorted((ROOT / "dialect").glob("*.cpp")))
    tags = set(re.findall(r"/\*(\w+_c\d+)\*/", checks))
    cases = [case for path in sorted((ROOT / "test/dialect").glob("*-errors.mlir"))
             for case in path.read_text().split("// -----")]
    tested = {tag for case in cases if "expected-error" in case for tag in re.findall(r"(?:@|// )([a-z]\w*?_c\d+)(?!\d)", case)}

    problems, exempt, known = [], [], set()
    for operation in read_operations():
        numbers = list(operation.constraints)
        if numbers != list(range(1, len(numbers) + 1)):
            problems.append(f"{operation.name}: constraints are numbered {numbers}, expected C1, C2, ... in order")
        for number, condition in operation.constraints.items():
            tag = f"{operation.mnemonic}_c{number}"
            known.add(tag)
            if condition == "when it runs":
                exempt.append(tag)
                continue
            if condition:
                problems.append(f"{operation.name}: C{number} has the condition '{condition}', expected 'when it runs'")
            if tag not in tags:
                problems.append(f"{operation.name}: C{number} has no check /*{tag}*/ in dialect/*.cpp")
            if tag not in tested:
                problems.append(f"{operation.name}: C{number} has no test named {tag} in test/dialect/*-errors.mlir")
    for tag in sorted((tags | tested) - known):
        problems.append(f"{tag} is checked or tested, but no description has it")
    print("tested by the oracle, because they hold when it runs:", *exempt)
    report(f"{len(known)} constraints", problems)


if __name__ == "__main__":
    main()
