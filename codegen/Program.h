// A module at level 4: kernels of each level of instructions, and the host side.
#ifndef MOTLEY_CODEGEN_PROGRAM_H
#define MOTLEY_CODEGEN_PROGRAM_H

#include "codegen/Lowering.h"
#include "codegen/cpu/Target.h"
#include "mlir/IR/OwningOpRef.h"

#include <vector>

namespace mlir::motley::codegen {

/// One builtin.module with a nested module per entry of `targets`, and @host.
class Program {
public:
  /// Builds level 4 from level 3. `targets` are distinct, ascending; a level of the table of kernels that is not among
  /// them gets the kernels of the last target.
  static FailureOr<Program> build(ModuleOp module, ArrayRef<Target> targets);

  ModuleOp root() { return *level4; }
  /// Lowers every part and optimises its LLVM IR, in parallel. Afterwards level 4 is gone.
  FailureOr<std::vector<MachineModule>> compile();

private:
  OwningOpRef<ModuleOp> level4;
  SmallVector<Target> targets;
};

/// Object code (or assembly) of every module, in parallel.
llvm::Expected<std::vector<llvm::SmallString<0>>> compileAll(std::vector<MachineModule> &modules,
                                                             llvm::CodeGenFileType type);

} // namespace mlir::motley::codegen

#endif // MOTLEY_CODEGEN_PROGRAM_H
