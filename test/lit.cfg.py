# Text tests: each .mlir file says in its RUN lines how it is run and checked.
import os

import lit.formats

config.name = "motley"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
# The helpers of tests, and folders whose tests ctest runs by themselves.
config.excludes = ["CMakeLists.txt", "Inputs", "python", "unit"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.motley_binary_root, "test")

tools = [os.path.join(config.motley_binary_root, "bin"), config.llvm_tools_directory, "/usr/bin", "/bin"]
config.environment["PATH"] = os.path.pathsep.join(tools)
config.environment["FILECHECK_OPTS"] = "-enable-var-scope -dump-input-filter=all"
config.substitutions.append(("%python", config.python))
config.substitutions.append(("%root", config.motley_source_root))
