"""Every operation has a summary, a description and an example; every pass a summary and a description."""

import re

from tablegen import ROOT, read_operations, report

PASS = re.compile(r"^def \w+ : Pass<\"([\w-]+)\"(.*?)^\}", re.M | re.S)


def summary_problem(name, summary):
    """What is wrong with a summary: it says what is computed, in one line, and isn't the name again."""
    if not summary:
        return "has no summary"
    if summary.endswith("."):
        return "has a summary that ends with a period"
    bare = re.sub(r"\W+", " ", summary).strip().lower()
    if bare == re.sub(r"\W+", " ", name.split(".")[-1].removeprefix("motley-")).replace("_", " ").strip().lower():
        return "has a summary that repeats its name"
    return None


def main():
    problems, count = [], 0
    for operation in read_operations():
        count += 1
        problem = summary_problem(operation.name, operation.summary)
        if problem:
            problems.append(f"{operation.name} {problem}")
        if not operation.description.strip():
            problems.append(f"{operation.name} has no description")
        if not operation.examples:
            problems.append(f"{operation.name} has no example")
    for path in sorted((ROOT / "passes").glob("*.td")):
        for match in PASS.finditer(path.read_text()):
            count += 1
            name, body = match.groups()
            summary = re.search(r'let summary = "((?:[^"\\]|\\.)*)"', body)
            problem = summary_problem(name, summary.group(1) if summary else "")
            if problem:
                problems.append(f"{name} {problem}")
            description = re.search(r"let description = \[\{(.*?)\}\]", body, re.S)
            if not description or not description.group(1).strip():
                problems.append(f"{name} has no description")
    report(f"{count} operations and passes", problems)


if __name__ == "__main__":
    main()
