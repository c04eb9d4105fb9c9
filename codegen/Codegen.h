// Code generation for the CPU: a module at level 3 becomes text of any later level, an object, the linked artefact, or
// a table in this process. No decisions are made here.
//
// The module must verify, and every plan.alloc must have its offset. From level 1 these operations are still there, for
// the manifest: motley.modality, motley.variable, motley.bank, and motley.train with the names of its losses. Costs are
// read from the discardable attributes `plan.flops` and `plan.bytes` of a plan.step.
#ifndef MOTLEY_CODEGEN_CODEGEN_H
#define MOTLEY_CODEGEN_CODEGEN_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/Timing.h"
#include "runtime/abi.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <optional>
#include <string>

namespace mlir::motley::codegen {

/// What to write. The texts hold every level of instructions and the host side, one after the other.
enum class EmitKind {
  Kernel,       ///< level 4: one MLIR module with the modules @avx2, @avx512 and @host in it
  LLVM,         ///< LLVM IR, that of kernels optimised
  Assembly,     ///< x86-64 assembly
  Object,       ///< one relocatable object
  SharedObject, ///< the artefact: linked, with the trailer of runtime/abi.h
};

/// "kernel", "llvm", "asm", "obj" or "so".
std::optional<EmitKind> parseEmitKind(StringRef name);

/// Compiles `module` and writes it to `path`; "-" is standard output. A file is written beside its name and renamed.
/// Its stages are timed below `timing`.
LogicalResult emitArtifact(ModuleOp module, EmitKind kind, StringRef path, TimingScope timing = {});

/// A compiled module in this process.
class JitModule {
public:
  virtual ~JitModule() = default;
  /// Valid as long as this object lives.
  virtual const motley_artifact_table *table() const = 0;
};

/// The highest level that this machine runs: MOTLEY_LEVEL_*, or -1 if none.
int hostLevel();

/// Compiles `module` for one level of instructions; all rows of the table of kernels hold that level. Errors in the
/// module are reported as diagnostics, too.
llvm::Expected<std::unique_ptr<JitModule>> jit(ModuleOp module, int level = hostLevel());

} // namespace mlir::motley::codegen

#endif // MOTLEY_CODEGEN_CODEGEN_H
