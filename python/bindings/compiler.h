// From text at any level to text, files or a table: the pipelines and code generation, with diagnostics as values.
#ifndef MOTLEY_PYTHON_COMPILER_H
#define MOTLEY_PYTHON_COMPILER_H

#include "runtime/abi.h"

#include <memory>
#include <string>
#include <vector>

namespace motley::python {

/// A message of the compiler; notes belong to the error or warning before them.
struct Diagnostic {
  std::string severity; ///< "error", "warning", "remark" or "note"
  std::string message;
  std::string file; ///< empty: nowhere in a file
  int line = 0;
  int column = 0;
};

/// What went wrong, and whether a pass of ours broke the program or refused it.
struct CompileFailure {
  std::vector<Diagnostic> diagnostics;
  std::string brokenPass; ///< the pass after which the program did not verify, or empty
};

/// Compiles `text` up to `emit` ("motley", "grouped", "plan"; or "kernel", "llvm", "asm", "obj", "so", which are
/// written to `path`). Returns the text of the first three; throws CompileFailure.
std::string compile(const std::string &text, const std::string &name, const std::string &emit, const std::string &path);

/// A compiled module in this process; the table lives as long as the owner.
struct Jitted {
  std::shared_ptr<void> owner;
  const motley_artifact_table *table = nullptr;
};
/// `level` of the instructions: "avx2", "avx512", "avx512_bf16", or "": MOTLEY_LEVEL, or the highest.
Jitted jit(const std::string &text, const std::string &name, const std::string &level);

} // namespace motley::python

#endif // MOTLEY_PYTHON_COMPILER_H
