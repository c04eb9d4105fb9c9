// A module at level 4: kernels of each level of instructions, and the host side.
#ifndef MOTLEY_CODEGEN_PROGRAM_H
#define MOTLEY_CODEGEN_PROGRAM_H

#include "codegen/Lowering.h"
#include "codegen/cpu/Target.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Support/Timing.h"

#include <vector>

namespace mlir::motley::codegen {

/// One builtin.module with a nested module per entry of `targets`, in which each kernel is a module, and @host. Kernels
/// share nothing, so each is compiled on its own, as many at a time as there are processors.
class Program {
public:
  /// Builds level 4 from level 3. `targets` are distinct, ascending; a level of the table of kernels that is not among
  /// them gets the kernels of the last target. A kernel to which a target gives nothing that the one below has not
  /// keeps the code of the one below.
  static FailureOr<Program> build(ModuleOp module, ArrayRef<Target> targets, TimingScope &timing);

  ModuleOp root() { return *level4; }
  /// Lowers every kernel and the host side and optimises their LLVM IR. Modules have level 4's order. Afterwards level
  /// 4 is gone.
  FailureOr<std::vector<MachineModule>> compile(TimingScope &timing);

private:
  OwningOpRef<ModuleOp> level4;
  SmallVector<Target> targets;
};

/// Object code (or assembly) of every module.
llvm::Expected<std::vector<llvm::SmallString<0>>> compileAll(std::vector<MachineModule> &modules,
                                                             llvm::CodeGenFileType type, TimingScope &timing);

} // namespace mlir::motley::codegen

#endif // MOTLEY_CODEGEN_PROGRAM_H
