"""Tests of the ptxsim command: PTX and arrays in, texts, arrays and exit status out."""
import os

import lit.formats

config.name = "ptxsim"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".test"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.ptxsim_build, "test-cli")
config.environment["PATH"] = os.pathsep.join([config.ptxsim_bin, "/usr/lib/llvm-22/bin", os.environ["PATH"]])
config.environment["FILECHECK_OPTS"] = "-enable-var-scope"
config.substitutions.append(("%npy", f"{config.python} {config.test_source_root}/npy.py"))
# Exit statuses mean something: %run N COMMAND passes if the command's status is N.
config.substitutions.append(("%exits", f"{config.python} {config.test_source_root}/exits.py"))
